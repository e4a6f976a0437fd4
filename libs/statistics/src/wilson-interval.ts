import { normalQuantile } from './normal.ts';

/** A figure with an interval around it; structurally the `Interval` of the performance report. */
export interface Interval {
  value: number;
  lower: number;
  upper: number;
}

/**
 * Wilson score interval of a proportion: keeps its coverage for small counts and near 0 and 1, where the textbook
 * interval does not. No trials: everything is possible, [0, 1], and the value is 0.
 * Source: Wilson, JASA 1927.
 */
export function wilsonInterval(successes: number, trials: number, confidence = 0.95): Interval {
  if (trials === 0) return { value: 0, lower: 0, upper: 1 };
  const z = normalQuantile(0.5 + confidence / 2);
  const value = successes / trials;
  const scale = 1 + (z * z) / trials;
  const centre = (value + (z * z) / (2 * trials)) / scale;
  const half = (z / scale) * Math.sqrt((value * (1 - value)) / trials + (z * z) / (4 * trials * trials));
  return {
    value,
    lower: successes === 0 ? 0 : Math.max(0, centre - half),
    upper: successes === trials ? 1 : Math.min(1, centre + half),
  };
}
