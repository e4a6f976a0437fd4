import { describe, expect, it } from 'vitest';
import { percentileBootstrap } from './bootstrap.ts';
import { wilsonInterval } from './wilson-interval.ts';

const share = (counts: Int32Array) => (counts[0] ?? 0) / ((counts[0] ?? 0) + (counts[1] ?? 0));

describe('the bootstrap', () => {
  it('agrees with the Wilson interval on a share', () => {
    const found = percentileBootstrap([320, 80], share, { resamples: 4000, seed: 7 });
    const wilson = wilsonInterval(320, 400);
    expect(found.value).toBe(0.8);
    expect(found.lower).toBeCloseTo(wilson.lower, 2);
    expect(found.upper).toBeCloseTo(wilson.upper, 2);
  });

  it('resamples single observations when every count is 1', () => {
    const values = Array.from({ length: 100 }, (_, i) => i);
    const observed = values.map(() => 1);
    const mean = (counts: Int32Array) => values.reduce((sum, value, i) => sum + value * (counts[i] ?? 0), 0) / 100;
    const { value, lower, upper } = percentileBootstrap(observed, mean, { resamples: 4000, seed: 1 });
    expect(value).toBe(49.5);
    // The standard error of the mean is 2.89.
    expect(lower).toBeCloseTo(49.5 - 1.96 * 2.89, 0);
    expect(upper).toBeCloseTo(49.5 + 1.96 * 2.89, 0);
  });

  it('keeps the number of observations in every resample', () => {
    const totals = new Set<number>();
    const total = (counts: Int32Array) => {
      totals.add(counts.reduce((sum, count) => sum + count, 0));
      return 0;
    };
    percentileBootstrap([3, 0, 12, 1, 400], total, { resamples: 300, seed: 3 });
    expect([...totals]).toEqual([416]);
  });

  it('gives the same for the same seed, another for another', () => {
    const of = (seed: number) => percentileBootstrap([3000, 1200], share, { resamples: 50, seed });
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
  });

  it('needs observations and resamples', () => {
    expect(() => percentileBootstrap([0, 0], share, { resamples: 10, seed: 1 })).toThrow(RangeError);
    expect(() => percentileBootstrap([1], share, { resamples: 0, seed: 1 })).toThrow(RangeError);
  });
});
