import { describe, expect, it } from 'vitest';
import { binomialProbability, binomialSurvival, binomialTest } from './binomial.ts';
import { expectClose } from './testing/close.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the binomial distribution', () => {
  it.each(goldens.binomialProbability)('P(X = k) of $arguments is as in SciPy', ({ arguments: at, value }) => {
    expectClose(binomialProbability(at[0] ?? 0, at[1] ?? 0, at[2] ?? 0), value);
  });

  it.each(goldens.binomialSurvival)('P(X >= k) of $arguments is as in SciPy', ({ arguments: at, value }) => {
    expectClose(binomialSurvival(at[0] ?? 0, at[1] ?? 0, at[2] ?? 0), value);
  });

  it.each(goldens.binomialTest)('the test of $arguments is as in SciPy', ({ arguments: at, value }) => {
    expectClose(binomialTest(at[0] ?? 0, at[1] ?? 0, at[2] ?? 0), value);
  });

  it('is certain where nothing is left to chance', () => {
    expect(binomialProbability(0, 5, 0)).toBe(1);
    expect(binomialProbability(4, 5, 1)).toBe(0);
    expect(binomialTest(0, 0)).toBe(1);
  });
});
