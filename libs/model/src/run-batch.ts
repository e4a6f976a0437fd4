import { modelError } from './errors.ts';
import type { Feeds, TextInput } from './text-input.ts';

/** Runs a padded batch; the answer is float32 [rows, values a row]. */
export type RunGraph = (feeds: Feeds, rows: number, columns: number) => Promise<Float32Array>;

/** How texts go into the graph and what comes out. */
export interface GraphShape {
  input: TextInput;
  /** `embeddings` are taken as they are, as long as they are finite. */
  output: 'probabilities' | 'logits' | 'embeddings';
  /** Classes; of embeddings, the dimension, which is what the graph gives when it is 0. */
  width: number;
  /** Logits are divided by it. */
  temperature: number;
}

export interface BatchAnswer {
  /** Rows × width, row-major, in the order of the request. */
  values: Float32Array;
  truncated: Uint8Array;
}

/**
 * Encodes, sorts by length so that little is padded, runs, checks, and restores the order of the request.
 * @throws TidemillError MODEL_OUTPUT_INVALID when a row is not finite or no probability distribution.
 */
export async function runBatch(texts: readonly string[], shape: GraphShape, run: RunGraph): Promise<BatchAnswer> {
  const prepared = shape.input.prepare(texts);
  let { width } = shape;
  let values = new Float32Array(texts.length * width);
  for (const { rows, columns } of planRuns(prepared.lengths, shape.input)) {
    const answer = await run(prepared.feeds(rows, columns), rows.length, columns);
    if (width === 0 && answer.length > 0 && answer.length % rows.length === 0) {
      width = answer.length / rows.length;
      values = new Float32Array(texts.length * width);
    }
    if (answer.length !== rows.length * width)
      throw modelError('MODEL_OUTPUT_INVALID', { detail: `${answer.length} values, not ${rows.length} × ${width}` });
    for (const [row, index] of rows.entries()) {
      const part = answer.subarray(row * width, (row + 1) * width);
      if (shape.output === 'embeddings') checkFinite(part);
      else checkDistribution(shape.output === 'logits' ? softmax(part, shape.temperature) : part);
      values.set(part, index * width);
    }
  }
  return { values, truncated: prepared.truncated };
}

/** Rows of similar length together, none of more padded columns than a run takes unless it is a single text. */
function* planRuns(
  lengths: readonly number[],
  { columnsPerRun, rowsPerRun }: TextInput,
): Generator<{ rows: number[]; columns: number }> {
  const order = lengths.map((_, index) => index).toSorted((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0));
  for (let start = 0; start < order.length;) {
    const rows: number[] = [];
    let columns = 0;
    for (let i = start; i < order.length && rows.length < rowsPerRun; i++) {
      const index = order[i] ?? 0;
      const length = lengths[index] ?? 0;
      if (rows.length > 0 && (rows.length + 1) * length > columnsPerRun) break;
      columns = length;
      rows.push(index);
    }
    yield { rows, columns };
    start += rows.length;
  }
}

/** Turns logits into probabilities in place, computed in float64; not finite where a logit is not. */
function softmax(logits: Float32Array, temperature: number): Float32Array {
  checkFinite(logits);
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  logits.set(powers.map((power) => power / sum));
  return logits;
}

function checkFinite(values: Float32Array): void {
  const wrong = values.find((value) => !Number.isFinite(value));
  if (wrong !== undefined) throw modelError('MODEL_OUTPUT_INVALID', { detail: `a value is ${wrong}` });
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
