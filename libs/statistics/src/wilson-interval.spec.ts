import { describe, expect, it } from 'vitest';
import { relativeError } from './testing/relative-error.ts';
import goldens from './testing/goldens.json' with { type: 'json' };
import { wilsonInterval } from './wilson-interval.ts';

describe('the Wilson interval', () => {
  it.each(goldens.wilsonInterval)('of $arguments is as in SciPy', ({ arguments: at, lower, upper }) => {
    const [successes = 0, trials = 0, confidence] = at;
    const interval = wilsonInterval(successes, trials, confidence);
    expect(interval.value).toBe(successes / trials);
    expect(Math.abs(interval.lower - lower)).toBeLessThan(1e-12);
    expect(relativeError(interval.upper, upper)).toBeLessThan(1e-12);
  });

  it('knows nothing without trials', () => {
    expect(wilsonInterval(0, 0)).toEqual({ value: 0, lower: 0, upper: 1 });
  });
});
