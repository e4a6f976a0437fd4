import { planRuns } from './plan-runs.ts';
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
  /** Rows whose values are no answer, and why; their values are 0. */
  refused: RefusedRow[];
  /** Columns that the texts needed, and that ran: the difference is padding. */
  columns: { needed: number; run: number };
}

export interface RefusedRow {
  row: number;
  reason: string;
}

/**
 * Encodes, runs rows of similar length together, checks, and restores the order of the request.
 * A row that is not finite or no probability distribution is refused alone.
 * @throws Error when the graph gives another number of values.
 */
export async function runBatch(texts: readonly string[], shape: GraphShape, run: RunGraph): Promise<BatchAnswer> {
  const prepared = shape.input.prepare(texts);
  let { width } = shape;
  let values = new Float32Array(texts.length * width);
  const refused: RefusedRow[] = [];
  const needed = prepared.lengths.reduce((sum, length) => sum + length, 0);
  let ran = 0;
  for (const { rows, columns } of planRuns(prepared.lengths, shape.input)) {
    ran += rows.length * columns;
    const answer = await run(prepared.feeds(rows, columns), rows.length, columns);
    if (width === 0 && answer.length > 0 && answer.length % rows.length === 0) {
      width = answer.length / rows.length;
      values = new Float32Array(texts.length * width);
    }
    if (answer.length !== rows.length * width)
      throw new Error(`the graph gave ${answer.length} values, not ${rows.length} × ${width}`);
    for (const [row, index] of rows.entries()) {
      const part = answer.subarray(row * width, (row + 1) * width);
      const reason = complete(part, shape);
      if (reason === undefined) values.set(part, index * width);
      else refused.push({ row: index, reason });
    }
  }
  return { values, truncated: prepared.truncated, refused, columns: { needed, run: ran } };
}

/** Makes a row of the graph's output the answer, in place; says why it is none. */
function complete(values: Float32Array, { output, temperature }: GraphShape): string | undefined {
  const wrong = values.find((value) => !Number.isFinite(value));
  if (wrong !== undefined) return `a value is ${wrong}`;
  if (output === 'embeddings') return undefined;
  if (output === 'logits') softmax(values, temperature);
  let sum = 0;
  let smallest = 0;
  for (const value of values) {
    sum += value;
    if (value < smallest) smallest = value;
  }
  return smallest >= 0 && Math.abs(sum - 1) < 1e-3 ? undefined : `smallest ${smallest}, sum ${sum}`;
}

/** Turns logits into probabilities in place, computed in float64. */
function softmax(logits: Float32Array, temperature: number): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) largest = Math.max(largest, logit);
  const powers = Float64Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  for (const [i, power] of powers.entries()) logits[i] = power / sum;
}

/** Position of the largest value. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}
