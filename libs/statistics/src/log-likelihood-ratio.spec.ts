import { describe, expect, it } from 'vitest';
import { logLikelihoodRatio } from './log-likelihood-ratio.ts';
import { expectClose } from './testing/close.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the log-likelihood ratio', () => {
  it.each(goldens.logLikelihoodRatio)('of $arguments is as in SciPy', ({ arguments: at, statistic, pValue }) => {
    const none = { hits: 0, total: 0 };
    const result = logLikelihoodRatio(at[0] ?? none, at[1] ?? none);
    expectClose(result.statistic, statistic);
    expectClose(result.pValue, pValue);
  });

  it('is 0 for equal rates', () => {
    expect(logLikelihoodRatio({ hits: 2, total: 10 }, { hits: 4, total: 20 }).statistic).toBeCloseTo(0, 12);
  });
});
