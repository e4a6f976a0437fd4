import { describe, expect, it } from 'vitest';
import { evidenceOfWorse } from './evidence-of-worse.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the evidence that a version is worse', () => {
  it.each(goldens.evidence)('of $onlyOldRight against $onlyNewRight is as integrated by SciPy', (golden) => {
    const { onlyOldRight, onlyNewRight, value } = golden;
    expect(evidenceOfWorse(onlyOldRight, onlyNewRight) / value).toBeCloseTo(1, 9);
  });

  it('is a martingale when both are equally good: the mean of both next values is the value', () => {
    for (const [a, b] of [
      [0, 0],
      [3, 1],
      [10, 30],
      [200, 150],
    ] as const) {
      const next = (evidenceOfWorse(a + 1, b) + evidenceOfWorse(a, b + 1)) / 2;
      expect(next / evidenceOfWorse(a, b)).toBeCloseTo(1, 12);
    }
  });

  it('neither underflows nor is it not a number after thousands of labels', () => {
    expect(evidenceOfWorse(0, 5000)).toBeCloseTo(1 / 5000, 6);
    expect(evidenceOfWorse(5000, 0)).toBe(Number.POSITIVE_INFINITY);
  });
});
