import { describe, expect, it } from 'vitest';
import { evidenceOfGreater } from './evidence-of-greater.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the evidence that one probability is greater than another', () => {
  it.each(goldens.greater)('of $first against $second is as integrated and maximised by SciPy', (golden) => {
    expect(evidenceOfGreater(golden.first, golden.second) / golden.value).toBeCloseTo(1, 8);
  });

  it('is at most one where the first share is not the greater one', () => {
    expect(evidenceOfGreater({ yes: 0, no: 0 }, { yes: 40, no: 0 })).toBeLessThan(1);
    expect(evidenceOfGreater({ yes: 40, no: 0 }, { yes: 0, no: 0 })).toBeLessThan(1);
    expect(evidenceOfGreater({ yes: 40, no: 10 }, { yes: 4, no: 1 })).toBeLessThan(1);
  });

  it('has a mean of at most one at every size when the probabilities are equal', () => {
    const binomial = (n: number, p: number) => {
      const chances = [(1 - p) ** n];
      for (let k = 1; k <= n; k++) chances.push(((chances[k - 1] ?? 0) * (n - k + 1) * p) / (k * (1 - p)));
      return chances;
    };
    for (const [n, m, p] of [
      [1, 1, 0.5],
      [30, 30, 0.5],
      [90, 10, 0.5],
      [90, 10, 0.97],
    ] as const) {
      let mean = 0;
      for (const [a, x] of binomial(n, p).entries())
        for (const [b, y] of binomial(m, p).entries())
          mean += x * y * evidenceOfGreater({ yes: a, no: n - a }, { yes: b, no: m - b });
      expect(mean).toBeLessThanOrEqual(1);
      expect(mean).toBeGreaterThan(0.02);
    }
  });

  it('neither underflows nor is it not a number after thousands of labels', () => {
    expect(evidenceOfGreater({ yes: 3000, no: 3000 }, { yes: 3000, no: 3000 })).toBeGreaterThan(0);
    expect(evidenceOfGreater({ yes: 5000, no: 0 }, { yes: 0, no: 5000 })).toBe(Number.POSITIVE_INFINITY);
  });
});
