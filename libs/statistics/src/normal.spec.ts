import { describe, expect, it } from 'vitest';
import { normalCdf, normalQuantile, normalSurvival, twoSidedP } from './normal.ts';
import { relativeError } from './testing/relative-error.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the normal distribution', () => {
  it.each(goldens.normalSurvival)('P(Z > $arguments) is as in SciPy', ({ arguments: [z = 0], value }) => {
    expect(relativeError(normalSurvival(z), value)).toBeLessThan(1e-12);
    expect(relativeError(normalCdf(-z), value)).toBeLessThan(1e-12);
    expect(relativeError(twoSidedP(-z), Math.min(1, 2 * normalSurvival(Math.abs(z))))).toBeLessThan(1e-15);
  });

  it.each(goldens.normalQuantile)('quantile $arguments is as in SciPy', ({ arguments: [p = 0], value }) => {
    expect(Math.abs(normalQuantile(p) - value)).toBeLessThan(1e-11);
  });

  it('has no quantile at 0 and 1', () => {
    expect(() => normalQuantile(0)).toThrow(RangeError);
    expect(() => normalQuantile(1)).toThrow(RangeError);
  });
});
