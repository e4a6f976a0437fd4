import { describe, expect, it } from 'vitest';
import { normalCdf, normalQuantile, normalSurvival, twoSidedP } from './normal.ts';
import { expectClose } from './testing/close.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the normal distribution', () => {
  it.each(goldens.normalSurvival)('P(Z > $arguments) is as in SciPy', ({ arguments: [z = 0], value }) => {
    expectClose(normalSurvival(z), value, 1e-12);
    expectClose(normalCdf(-z), value, 1e-12);
    if (z >= 0) expectClose(twoSidedP(-z), 2 * value, 1e-12);
  });

  it.each(goldens.normalQuantile)('quantile $arguments is as in SciPy', ({ arguments: [p = 0], value }) => {
    expect(Math.abs(normalQuantile(p) - value)).toBeLessThan(1e-11);
  });

  it('has no quantile at 0 and 1', () => {
    expect(() => normalQuantile(0)).toThrow(RangeError);
    expect(() => normalQuantile(1)).toThrow(RangeError);
  });
});
