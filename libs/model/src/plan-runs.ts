/** What one run, or one batch, may hold. */
export interface RunLimits {
  /** Rows × longest row, padding included; a single row may be longer. */
  columnsPerRun: number;
  rowsPerRun: number;
}

/** Positions of the lengths, shortest first; equal lengths in their order. */
export function byLength(lengths: ArrayLike<number>): number[] {
  // Sorting one number a row: length and position fit a double together.
  const keys = Float64Array.from({ length: lengths.length }, (_, index) => (lengths[index] ?? 0) * 2 ** 32 + index);
  return Array.from(keys.sort(), (key) => key % 2 ** 32);
}

/**
 * Rows of similar length together, so that little is padded. Every position is in exactly one run.
 * @param order positions, shortest first
 */
export function* planRuns(
  lengths: ArrayLike<number>,
  { columnsPerRun, rowsPerRun }: RunLimits,
  order: readonly number[] = byLength(lengths),
): Generator<{ rows: number[]; columns: number }> {
  for (let start = 0; start < order.length;) {
    const rows: number[] = [];
    let columns = 0;
    for (let i = start; i < order.length && rows.length < rowsPerRun; i++) {
      const index = order[i] ?? 0;
      const longest = Math.max(columns, lengths[index] ?? 0);
      if (rows.length > 0 && (rows.length + 1) * longest > columnsPerRun) break;
      columns = longest;
      rows.push(index);
    }
    yield { rows, columns };
    start += rows.length;
  }
}
