/** A statistic's distribution when nothing has changed, by simulation. */
export interface MonteCarloNull {
  mean: number;
  /** Not below the floor it was made with. */
  standardDeviation: number;
  draws: Float64Array;
}

/**
 * @param floor smallest standard deviation believed: draws that are all alike (every text as long as every other) say
 *   that the statistic is coarse, not that the slightest change is certain.
 */
export function monteCarloNull(draws: Float64Array, floor: number): MonteCarloNull {
  const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
  const squares = draws.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = draws.length > 1 ? Math.sqrt(squares / (draws.length - 1)) : 0;
  return { mean, standardDeviation: Math.max(deviation, floor), draws };
}

/** Distance from the null's mean in standard deviations, the null widened by `dispersion`. */
export function zScore(value: number, { mean, standardDeviation }: MonteCarloNull, dispersion = 1): number {
  return (value - mean) / (standardDeviation * dispersion);
}

/** Values nearer to each other than this are equal: many statistics are discrete, and computed in different orders. */
const rounding = 1e-9;

/**
 * Share of draws, and the value itself, at least as extreme: never 0, and exact whatever the statistic.
 * Source: Phipson and Smyth, SAGMB 2010.
 */
export function monteCarloP(value: number, draws: ArrayLike<number>): number {
  const least = value - rounding * Math.max(1, Math.abs(value));
  let extreme = 0;
  for (let i = 0; i < draws.length; i++) if ((draws[i] ?? 0) >= least) extreme++;
  return (1 + extreme) / (1 + draws.length);
}

/**
 * The largest z over several statistics, of every draw: comparing a window's largest z with these gives a family-wise
 * p-value that accounts for how many statistics are looked at and how they depend on each other.
 * Source: Westfall and Young, Resampling-Based Multiple Testing, 1993 (maxT).
 */
export function largestZOfDraws(nulls: readonly MonteCarloNull[]): Float64Array {
  return Float64Array.from({ length: nulls[0]?.draws.length ?? 0 }, (_, draw) =>
    Math.max(...nulls.map((one) => zScore(one.draws[draw] ?? 0, one))),
  );
}
