import { describe, expect, it } from 'vitest';
import { simulate } from '../scripts/null-simulation.ts';

const shares = { a: 60, b: 25, c: 15 };
const small = { referenceTexts: 300, windowTexts: 60, references: 10, windowsEach: 10, seed: 11 };

/** What 100 windows may show when the true rate is `rate`: four standard deviations above. */
const bound = (rate: number) => rate + 4 * Math.sqrt((rate * (1 - rate)) / 100);

describe('the error rates, in a small simulation (large ones: docs/statistics.md)', () => {
  it.each([
    ['nothing changed', { shares }],
    ['only the shares of the classes moved', { shares: { a: 20, b: 30, c: 50 } }],
  ])('are kept when %s', (_, window) => {
    const rates = simulate({ ...small, reference: { shares }, window });
    expect(rates.drift).toBe(0);
    expect(rates.warning).toBeLessThanOrEqual(bound(0.01));
    expect(rates.card).toBeLessThanOrEqual(bound(0.05));
    const { predictedClasses: _classes, ...watched } = rates.statistics;
    for (const rate of Object.values(watched)) expect(rate).toBeLessThanOrEqual(bound(0.05));
  });

  it('do not come from seeing nothing', () => {
    const unseen = { shares: { ...shares, unseen: 200 / 3 } };
    const rates = simulate({ ...small, references: 4, windowsEach: 3, reference: { shares }, window: unseen });
    expect(rates.warning).toBe(1);
    expect(rates.drift).toBeGreaterThan(0.5);
  });
});
