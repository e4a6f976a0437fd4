export interface RunLimits {
  /** Padded columns of one run over all rows, unless a single row is longer. */
  columnsPerRun: number;
  rowsPerRun: number;
  /** The width of a run is a multiple of it. */
  columnsMultiple: number;
  /** What starting a run costs, in padded columns: less padding than that is not worth another run. */
  columnsPerStart: number;
}

export interface Run {
  /** Places of the rows in the request. */
  rows: number[];
  /** Width of the run: its longest row, made up to the multiple. */
  columns: number;
}

/** Positions of the lengths, shortest first; equal lengths in their order. */
export function byLength(lengths: ArrayLike<number>): number[] {
  // Sorting one number a row: length and position fit a double together.
  const keys = Float64Array.from({ length: lengths.length }, (_, index) => (lengths[index] ?? 0) * 2 ** 32 + index);
  return Array.from(keys.sort(), (key) => key % 2 ** 32);
}

/**
 * Divides rows into runs so that padding and starts together cost least. Rows of similar length are together: they are
 * sorted by length, and of all ways to cut that order the cheapest is found by dynamic programming, in rows × rows a run.
 */
export function planRuns(lengths: ArrayLike<number>, limits: RunLimits): Run[] {
  const order = byLength(lengths);
  const multiple = limits.columnsMultiple;
  const sorted = Int32Array.from(order, (index) => Math.ceil((lengths[index] ?? 0) / multiple) * multiple);
  const lengthAt = (place: number) => sorted[place] ?? 0;
  // Cheapest way to run the first `end` rows of the order, and where its last run begins.
  const costs = new Float64Array(order.length + 1);
  const begins = new Int32Array(order.length + 1);
  for (let end = 1; end <= order.length; end++) {
    const columns = lengthAt(end - 1);
    let best = Number.POSITIVE_INFINITY;
    for (let begin = end - 1; begin >= 0; begin--) {
      const rows = end - begin;
      if (rows > 1 && (rows > limits.rowsPerRun || rows * columns > limits.columnsPerRun)) break;
      // This row and all shorter ones are cheaper in a run before this one.
      if (columns - lengthAt(begin) > limits.columnsPerStart) break;
      const cost = (costs[begin] ?? 0) + rows * columns + limits.columnsPerStart;
      if (cost >= best) continue;
      best = cost;
      begins[end] = begin;
    }
    costs[end] = best;
  }
  const runs: Run[] = [];
  for (let end = order.length; end > 0; end = begins[end] ?? 0)
    runs.push({ rows: order.slice(begins[end], end), columns: lengthAt(end - 1) });
  return runs.reverse();
}
