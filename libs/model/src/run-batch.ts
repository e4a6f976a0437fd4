import { encodeNormalised, isTruncated, normalise } from '#libs/classifier';
import { modelError } from './errors.ts';

/** Runs a padded batch; `units` is int32 [rows, columns], the answer float32 [rows, labels]. */
export type RunGraph = (units: Int32Array, rows: number, columns: number) => Promise<Float32Array>;

/** Padded code units of one run: small enough that its intermediate tensors stay in the processor's cache. */
const unitsPerRun = 16_384;

export interface BatchAnswer {
  probabilities: Float32Array;
  truncated: Uint8Array;
}

/**
 * Normalises, sorts by length so that little is padded, runs, checks, and restores the order of the request.
 * @throws TidemillError MODEL_OUTPUT_INVALID when a row is not finite, has a negative share or does not sum to 1.
 */
export async function runBatch(
  texts: readonly string[],
  shape: { labels: number; maximumCharacters: number },
  run: RunGraph,
): Promise<BatchAnswer> {
  const normalised = texts.map((text) => normalise(text, shape.maximumCharacters));
  const order = normalised
    .map((_, index) => index)
    .toSorted((a, b) => (normalised[a]?.length ?? 0) - (normalised[b]?.length ?? 0));
  const probabilities = new Float32Array(texts.length * shape.labels);
  for (let start = 0; start < order.length;) {
    const rows: number[] = [];
    let columns = 0;
    for (let i = start; i < order.length; i++) {
      const index = order[i] ?? 0;
      const length = normalised[index]?.length ?? 0;
      if (rows.length > 0 && (rows.length + 1) * length > unitsPerRun) break;
      columns = length;
      rows.push(index);
    }
    const encoded = encodeNormalised(
      rows.map((index) => normalised[index] ?? ''),
      columns,
    );
    const answer = await run(encoded.units, encoded.rows, encoded.columns);
    if (answer.length !== encoded.rows * shape.labels) {
      throw modelError('MODEL_OUTPUT_INVALID', {
        detail: `${answer.length} values, not ${encoded.rows} × ${shape.labels}`,
      });
    }
    for (const [row, index] of rows.entries()) {
      const values = answer.subarray(row * shape.labels, (row + 1) * shape.labels);
      checkDistribution(values);
      probabilities.set(values, index * shape.labels);
    }
    start += rows.length;
  }
  const truncated = Uint8Array.from(texts, (text) => (isTruncated(text, shape.maximumCharacters) ? 1 : 0));
  return { probabilities, truncated };
}

function checkDistribution(values: Float32Array): void {
  let sum = 0;
  for (const value of values) sum += value;
  // NaN fails both comparisons.
  if (!values.every((value) => value >= 0) || !(Math.abs(sum - 1) < 1e-3)) {
    throw modelError('MODEL_OUTPUT_INVALID', { detail: `smallest ${Math.min(...values)}, sum ${sum}` });
  }
}

/** Position of the largest value. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}
