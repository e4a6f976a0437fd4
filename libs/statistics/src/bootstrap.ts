import { quantile } from './quantile.ts';
import { randomInteger, seededRandom } from './random.ts';
import type { Interval } from './wilson-interval.ts';

export interface BootstrapOptions {
  /** How many resamples; 500 give a usable 95 % interval. */
  resamples: number;
  seed: number;
  /** Default 0.95. */
  confidence?: number;
}

/**
 * Percentile bootstrap of a figure of n observations. `statistic` gets how often each observation was drawn, not a copy
 * of the observations: a counting statistic then costs one pass. The value is that of the data themselves (all 1).
 * Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
 * @throws RangeError without observations or resamples.
 */
export function percentileBootstrap(
  observations: number,
  statistic: (multiplicities: Int32Array) => number,
  options: BootstrapOptions,
): Interval {
  const { resamples, seed, confidence = 0.95 } = options;
  if (observations < 1 || resamples < 1) throw new RangeError('a bootstrap needs observations and resamples');
  const random = seededRandom(seed);
  const multiplicities = new Int32Array(observations).fill(1);
  const value = statistic(multiplicities);
  const values = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    multiplicities.fill(0);
    for (let i = 0; i < observations; i++) {
      const drawn = randomInteger(random, observations);
      multiplicities[drawn] = (multiplicities[drawn] ?? 0) + 1;
    }
    values[r] = statistic(multiplicities);
  }
  values.sort();
  const tail = (1 - confidence) / 2;
  return { value, lower: quantile(values, tail), upper: quantile(values, 1 - tail) };
}
