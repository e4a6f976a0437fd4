import { describe, expect, it } from 'vitest';
import { logChoose, logGamma, upperGamma } from './gamma.ts';
import { relativeError } from './testing/relative-error.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('gamma functions', () => {
  it.each(goldens.logGamma)('logGamma($arguments) is as in SciPy', ({ arguments: [x = 0], value }) => {
    // Near its zeros at 1 and 2 only the absolute error can be small.
    expect(Math.abs(logGamma(x) - value)).toBeLessThan(1e-13 * Math.max(1, Math.abs(value)));
  });

  it.each(goldens.upperGamma)('upperGamma($arguments) is as in SciPy', ({ arguments: [a = 0, x = 0], value }) => {
    expect(relativeError(upperGamma(a, x), value)).toBeLessThan(1e-12);
  });

  it.each(goldens.chiSquareSurvival)(
    'the chi-squared tail of $arguments is as in SciPy',
    ({ arguments: at, value }) => {
      const [x = 0, degrees = 0] = at;
      expect(relativeError(upperGamma(degrees / 2, x / 2), value)).toBeLessThan(1e-12);
    },
  );

  it('knows small and large binomial coefficients', () => {
    expect(relativeError(Math.exp(logChoose(5, 2)), 10)).toBeLessThan(1e-13);
    expect(relativeError(logChoose(10_000, 4_000), logGamma(10_001) - logGamma(4_001) - logGamma(6_001))).toBeLessThan(
      1e-13,
    );
    expect(logChoose(7, 0)).toBe(0);
  });

  it('refuses what has no logarithm', () => {
    expect(() => logGamma(0)).toThrow(RangeError);
  });
});
