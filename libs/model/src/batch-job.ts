import type { TidemillError } from '#libs/platform';
import type { Again } from './ask-again.ts';
import { modelError } from './errors.ts';
import type { HostAnswer } from './model-host.ts';

/** Which version answers, as stamped on every result. */
export interface Serving {
  model: string;
  version: number;
  epoch: number;
  bundleDigest: string;
  labels: string[];
  device: string;
  /** UTF-16 units of a text that can matter to the model. */
  maximumLength: number;
}

/** The right to be answered by one version; until it is released, that version's hosts stay. */
export interface Lease {
  serving: Serving;
  /** Batches that its hosts can be given now. */
  room(): number;
  /** A host is there. */
  alive(): boolean;
  /** A host is there, and none is answering. */
  idle(): boolean;
  answer(texts: readonly string[]): Promise<HostAnswer>;
  release(): void;
}

/** All texts of one request, answered by one and the same version. */
export interface BatchResult {
  serving: Serving;
  /** Rows × labels, row-major, in the order of the texts. */
  probabilities: Float32Array;
  truncated: Uint8Array;
  /** Rows without an answer: the model has none for them, or its host ended over them. */
  failures: ReadonlyMap<number, TidemillError>;
  /** For each row the time it waited for its batch, milliseconds. */
  queueMilliseconds: Float32Array;
  /** For each row the time its batch spent in the model host, milliseconds. */
  inferenceMilliseconds: Float32Array;
}

export type Priority = 'interactive' | 'bulk';

/** A request under way. */
export interface Job {
  texts: readonly string[];
  priority: Priority;
  enqueuedAt: number;
  resolve: (result: BatchResult) => void;
  reject: (error: unknown) => void;
  stopListening: () => void;
  /** Rows, shortest first; those from `next` on have not been in a batch yet: it has begun when `next` is not 0. */
  order: readonly number[];
  next: number;
  again: Again[];
  lease: Lease | undefined;
  result: BatchResult | undefined;
  answered: number;
  batches: number;
  failures: Map<number, TidemillError>;
  /** Resolved, rejected or given up. */
  over: boolean;
}

/** Rows of a request in one batch. */
export interface Part {
  job: Job;
  /** The job's own; it has another by now if it has begun anew. */
  lease: Lease;
  rows: readonly number[];
}

/** Rows that are in no batch. */
export function pendingOf({ order, next, again }: Job): number {
  return again.reduce((sum, { rows }) => sum + rows.length, order.length - next);
}

/** What runs on its hosts may be ended now. */
export function releaseLease(job: Job): void {
  job.lease?.release();
  job.lease = undefined;
}

export function emptyResult(job: Job, serving: Serving): BatchResult {
  const rows = job.texts.length;
  return {
    serving,
    probabilities: new Float32Array(rows * serving.labels.length),
    truncated: new Uint8Array(rows),
    failures: job.failures,
    queueMilliseconds: new Float32Array(rows),
    inferenceMilliseconds: new Float32Array(rows),
  };
}

/** Puts the answers of rows where they belong; `at` is the place of the first one in the batch. */
export function note(
  { job, lease, rows }: Part,
  { answer, at, startedAt }: { answer: HostAnswer; at: number; startedAt: number },
): void {
  if (job.over || job.lease !== lease) return;
  const { serving } = lease;
  job.result ??= emptyResult(job, serving);
  const { probabilities, truncated, queueMilliseconds, inferenceMilliseconds } = job.result;
  const classes = serving.labels.length;
  const waited = startedAt - job.enqueuedAt;
  for (const [i, row] of rows.entries()) {
    const from = (at + i) * classes;
    for (let label = 0; label < classes; label++)
      probabilities[row * classes + label] = answer.probabilities[from + label] ?? Number.NaN;
    truncated[row] = answer.truncated[at + i] ?? 0;
    queueMilliseconds[row] = waited;
    inferenceMilliseconds[row] = answer.milliseconds;
  }
  for (const { row, reason } of answer.refused) {
    const own = rows[row - at];
    if (own !== undefined) job.failures.set(own, modelError('MODEL_OUTPUT_INVALID', { detail: reason }));
  }
  job.answered += rows.length;
}
