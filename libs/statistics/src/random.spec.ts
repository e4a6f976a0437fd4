import { describe, expect, it } from 'vitest';
import { drawToFront, seededRandom } from './random.ts';

describe('the seeded random numbers', () => {
  it('are the same on every machine', () => {
    const random = seededRandom(42);
    expect(Array.from({ length: 3 }, () => random())).toMatchInlineSnapshot(`
      [
        0.456255805445835,
        0.5641753580421209,
        0.5743777174502611,
      ]
    `);
  });

  it('draw every subset equally often', () => {
    const random = seededRandom(5);
    const seen = new Map<string, number>();
    for (let i = 0; i < 10_000; i++) {
      const values = Int32Array.from([0, 1, 2, 3, 4]);
      drawToFront(values, 2, random);
      const key = values.slice(0, 2).toSorted().join('');
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(10);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(4 * 30);
  });
});
