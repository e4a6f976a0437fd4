import type { TextRow } from './text-rows.ts';

/** How texts are weighted so that reference and window have the window's shares of predicted classes. */
export interface Weighting {
  /** Share of the window in each stratum; sums to 1. */
  shares: Float64Array;
  /** Reference texts of each stratum. */
  available: Int32Array;
  /** Texts that a held-out window takes from each stratum: as many as the window has, at most half of what there is. */
  heldOut: Int32Array;
}

/**
 * The weighting for a window with `counts` texts in each stratum.
 * Strata of the window without reference texts cannot occur (`Strata` pools them).
 */
export function weightingFor(counts: Int32Array, available: Int32Array): Weighting {
  const texts = counts.reduce((sum, count) => sum + count, 0);
  return {
    shares: Float64Array.from(counts, (count) => count / texts),
    available,
    heldOut: counts.map((count, k) => Math.min(count, Math.floor((available[k] ?? 0) / 2))),
  };
}

/** How many of the rows fall into each stratum. */
export function stratumCounts(
  rows: readonly TextRow[],
  strata: { of(label: string): number; count: number },
): Int32Array {
  const counts = new Int32Array(strata.count);
  for (const { predicted } of rows) {
    const stratum = strata.of(predicted);
    counts[stratum] = (counts[stratum] ?? 0) + 1;
  }
  return counts;
}
