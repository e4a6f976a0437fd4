import { drawBinomial } from './draw-binomial.ts';
import { quantile } from './quantile.ts';
import { type Random, seededRandom } from './random.ts';
import type { Interval } from './wilson-interval.ts';

export interface BootstrapOptions {
  /** How many resamples; 500 give a usable 95 % interval. */
  resamples: number;
  seed: number;
  /** Default 0.95. */
  confidence?: number;
}

/**
 * Percentile bootstrap of a figure that depends on how often each of several outcomes was observed (the cells of a
 * confusion matrix, say; a count of 1 each is the bootstrap of single observations). Resampling n observations is one
 * multinomial draw of n, so a resample costs as much as there are outcomes, however many the observations.
 * The value is that of the counts themselves.
 * Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
 * @param statistic must not keep the counts: the same array is used again.
 * @throws RangeError without observations or resamples.
 */
export function percentileBootstrap(
  observed: ArrayLike<number>,
  statistic: (counts: Int32Array) => number,
  options: BootstrapOptions,
): Interval {
  const { resamples, seed, confidence = 0.95 } = options;
  const counts = Int32Array.from(observed);
  if (resamples < 1 || !counts.some((count) => count > 0)) {
    throw new RangeError('a bootstrap needs observations and resamples');
  }
  const random = seededRandom(seed);
  const value = statistic(counts.slice());
  const resample = new Int32Array(counts.length);
  const values = Float64Array.from({ length: resamples }, () => {
    drawMultinomial(counts, resample, random);
    return statistic(resample);
  }).sort();
  const tail = (1 - confidence) / 2;
  return { value, lower: quantile(values, tail), upper: quantile(values, 1 - tail) };
}

/** As many draws as there are observations, each outcome with its observed share: binomial by binomial. */
function drawMultinomial(observed: Int32Array, into: Int32Array, random: Random): void {
  let share = observed.reduce((sum, count) => sum + count, 0);
  let draws = share;
  for (let i = 0; i < observed.length; i++) {
    const count = observed[i] ?? 0;
    const drawn = count === 0 ? 0 : drawBinomial(draws, count / share, random);
    into[i] = drawn;
    share -= count;
    draws -= drawn;
  }
}
