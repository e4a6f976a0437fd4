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
  /**
   * Added to the counts for drawing only, one for each outcome: resamples then know of outcomes that were possible and
   * did not occur, without which a figure that happens to be perfect would be certain.
   */
  pseudoCounts?: ArrayLike<number>;
}

/**
 * Percentile bootstrap of a figure that depends on how often each of several outcomes was observed (the cells of a
 * confusion matrix, say; a count of 1 each is the bootstrap of single observations). Resampling n observations is one
 * multinomial draw of n, so a resample costs as much as there are outcomes, however many the observations.
 * The value is that of the counts themselves, and within the interval.
 * Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
 * @param statistic must not keep the counts: the same array is used again.
 * @throws RangeError without observations or resamples.
 */
export function percentileBootstrap(
  observed: ArrayLike<number>,
  statistic: (counts: Int32Array) => number,
  options: BootstrapOptions,
): Interval {
  const { resamples, seed, confidence = 0.95, pseudoCounts } = options;
  const counts = Int32Array.from(observed);
  const draws = counts.reduce((sum, count) => sum + count, 0);
  if (resamples < 1 || draws < 1) throw new RangeError('a bootstrap needs observations and resamples');
  const weights = Float64Array.from(counts, (count, i) => count + (pseudoCounts?.[i] ?? 0));
  const random = seededRandom(seed);
  const value = statistic(counts);
  const values = Float64Array.from({ length: resamples }, () => {
    drawMultinomial(weights, { draws, random, into: counts });
    return statistic(counts);
  }).sort();
  const tail = (1 - confidence) / 2;
  return { value, lower: Math.min(value, quantile(values, tail)), upper: Math.max(value, quantile(values, 1 - tail)) };
}

/** So many draws, each outcome as probable as its weight: binomial by binomial. */
function drawMultinomial(
  weights: Float64Array,
  { draws, random, into }: { draws: number; random: Random; into: Int32Array },
): void {
  let weight = weights.reduce((sum, one) => sum + one, 0);
  let left = draws;
  const last = weights.findLastIndex((one) => one > 0);
  for (let i = 0; i < weights.length; i++) {
    const one = weights[i] ?? 0;
    // The last takes what is left: the sum of the weights before it may have been rounded.
    const drawn = i === last ? left : drawBinomial(left, one / weight, random);
    into[i] = drawn;
    weight -= one;
    left -= drawn;
  }
}
