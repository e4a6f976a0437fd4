import { describe, expect, it } from 'vitest';
import { binomialProbability, binomialSurvival, binomialTest } from './binomial.ts';
import { relativeError } from './testing/relative-error.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the binomial distribution', () => {
  it.each(goldens.binomialProbability)('P(X = k) of $arguments is as in SciPy', ({ arguments: at, value }) => {
    expect(relativeError(binomialProbability(at[0] ?? 0, at[1] ?? 0, at[2] ?? 0), value)).toBeLessThan(1e-10);
  });

  it.each(goldens.binomialSurvival)('P(X >= k) of $arguments is as in SciPy', ({ arguments: at, value }) => {
    expect(relativeError(binomialSurvival(at[0] ?? 0, at[1] ?? 0, at[2] ?? 0), value)).toBeLessThan(1e-10);
  });

  it.each(goldens.binomialTest)('the test of $arguments is as in SciPy', ({ arguments: at, value }) => {
    expect(relativeError(binomialTest(at[0] ?? 0, at[1] ?? 0, at[2] ?? 0), value)).toBeLessThan(1e-10);
  });

  it('is certain where nothing is left to chance', () => {
    expect(binomialProbability(0, 5, 0)).toBe(1);
    expect(binomialProbability(4, 5, 1)).toBe(0);
    expect(binomialTest(0, 0)).toBe(1);
  });
});
