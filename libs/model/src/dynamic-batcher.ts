import { type Clock, TidemillError } from '#libs/platform';
import { modelError } from './errors.ts';
import type { HostAnswer } from './model-host.ts';
import { byLength } from './plan-runs.ts';

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

export interface BatcherOptions {
  /** A lease on the version that serves now; undefined: there will be one. @throws when there will be none */
  acquire: () => Lease | undefined;
  /** Resolves when `acquire`, or the room of a lease, may say something else. */
  changed: () => Promise<void>;
  /** Rows × longest row of a batch, in UTF-16 units; a single longer text is a batch of its own. */
  maximumBatchTokens: number;
  /** Milliseconds that a batch should take at most, by what batches have taken so far. */
  maximumBatchTime: number;
  /** Interactive texts that may wait; beyond, requests are refused, unless nothing else waits. */
  maximumQueuedTexts: number;
  clock: Clock;
  onBatch?: (batch: AnsweredBatch) => void;
}

/** What a batch was and took. */
export interface AnsweredBatch {
  texts: number;
  truncated: number;
  columns: HostAnswer['columns'];
  hostMilliseconds: number;
  /** From being handed over until the answer was there. */
  milliseconds: number;
}

/** Rows that are asked again, alone: what their host does then is their doing. */
interface Again {
  rows: readonly number[];
  /** Times that a host ended over exactly these rows. */
  ended: number;
  /** A host has ended twice over rows that these are a part of. */
  suspect: boolean;
}

interface Job {
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

interface Part {
  job: Job;
  /** The job's own; it has another by now if it has begun anew. */
  lease: Lease;
  rows: readonly number[];
}

interface Measured {
  serving: Serving | undefined;
  milliseconds: number;
  tokens: number;
  texts: number;
}

interface Batch {
  lease: Lease;
  parts: Part[];
  texts: string[];
  columns: number;
  again: Again | undefined;
}

/** Before anything has been measured. */
const firstBatchTokens = 4096;
/** After this many batches of interactive texts alone, bulk texts go first. */
const interactiveRun = 4;
/** How much of what was measured counts on at the next batch. */
const memory = 0.9;

/**
 * Forms batches for the hosts of one model, from texts of the stream and of synchronous requests alike.
 *
 * A request is answered by one version. It may be split over batches: its texts are taken in the order of their length, so
 * that little is padded, and answered in the order they came. An idle host takes what is queued at once; interactive
 * requests overtake bulk between two batches, without starving it. A host that ends over a batch does not take it along:
 * the rows are asked again, alone, then in halves, until the text is found that ends a host by itself, twice. Should
 * another version serve by then, the request begins anew with that one.
 */
export class DynamicBatcher {
  readonly #options: BatcherOptions;
  /** Jobs with rows that are in no batch. */
  readonly #queues: Record<Priority, Job[]> = { interactive: [], bulk: [] };
  #queuedInteractive = 0;
  #interactiveBatches = 0;
  /** Versions of which rows are being asked again: nothing else of theirs is until they are answered. */
  readonly #alone = new Set<Serving>();
  #waiting = false;
  #closed = false;
  /** What batches of one version have taken. */
  #measured: Measured = { serving: undefined, milliseconds: 0, tokens: 0, texts: 0 };

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Interactive texts waiting. */
  get queuedTexts(): number {
    return this.#queuedInteractive;
  }

  /** Seconds after which what waits now will have been answered, by what batches have taken so far; at least 1. */
  get retryAfter(): number {
    const { milliseconds, texts } = this.#measured;
    return Math.max(1, Math.ceil((this.#queuedInteractive * milliseconds) / Math.max(1, texts) / 1000));
  }

  /**
   * Answers texts, at least one, by one version; gives up at once when `signal` aborts.
   * @throws TidemillError BATCH_QUEUE_FULL for an interactive request over the limit; whatever `acquire` threw.
   */
  submit(texts: readonly string[], priority: Priority, signal?: AbortSignal): Promise<BatchResult> {
    if (priority === 'interactive') {
      const over = this.#queuedInteractive + texts.length > this.#options.maximumQueuedTexts;
      // Alone it may be as large as it likes, or it would be refused for ever.
      if (over && this.#queuedInteractive > 0)
        return Promise.reject(modelError('BATCH_QUEUE_FULL', { detail: `${this.#queuedInteractive} texts wait` }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<BatchResult>();
    const giveUp = () => this.#fail(job, signal?.reason);
    const job: Job = {
      texts,
      priority,
      enqueuedAt: this.#options.clock.now(),
      resolve,
      reject,
      stopListening: () => signal?.removeEventListener('abort', giveUp),
      order: texts.length === 1 ? [0] : byLength(Int32Array.from(texts, ({ length }) => length)),
      next: 0,
      again: [],
      lease: undefined,
      result: undefined,
      answered: 0,
      batches: 0,
      failures: new Map(),
      over: false,
    };
    this.#enqueue(job);
    if (signal?.aborted === true) giveUp();
    else signal?.addEventListener('abort', giveUp, { once: true });
    this.#pump();
    return promise;
  }

  /** Rejects what waits and whatever comes. */
  close(): void {
    this.#closed = true;
    for (const queue of Object.values(this.#queues))
      for (const job of queue.slice()) this.#fail(job, modelError('MODEL_NOT_SERVING'));
  }

  #enqueue(job: Job): void {
    if (this.#closed) return this.#fail(job, modelError('MODEL_NOT_SERVING'));
    const queue = this.#queues[job.priority];
    if (queue.includes(job)) return;
    // One that has begun goes on before others begin.
    if (job.next === 0) queue.push(job);
    else queue.unshift(job);
    if (job.priority === 'interactive') this.#queuedInteractive += pendingOf(job);
  }

  #dequeue(job: Job): void {
    const queue = this.#queues[job.priority];
    const at = queue.indexOf(job);
    if (at < 0) return;
    queue.splice(at, 1);
    if (job.priority === 'interactive') this.#queuedInteractive -= pendingOf(job);
  }

  #pump(): void {
    for (;;) {
      const batch = this.#form();
      if (batch === undefined) break;
      void this.#run(batch);
    }
    const { interactive, bulk } = this.#queues;
    if (this.#waiting || interactive.length + bulk.length === 0) return;
    // For a host that starts, or a version that is loaded; room that a batch leaves is seen when it ends.
    this.#waiting = true;
    void this.#options.changed().then(() => {
      this.#waiting = false;
      this.#pump();
    });
  }

  /** The next batch that a host has room for. */
  #form(): Batch | undefined {
    const { interactive, bulk } = this.#queues;
    const held = new Set(this.#alone);
    for (const job of [...interactive, ...bulk]) {
      if (job.lease?.alive() === false) this.#beginAnew(job);
      const batch = this.#formAgain(job);
      if (batch !== undefined) return batch;
      if (job.lease !== undefined && job.again.length > 0) held.add(job.lease.serving);
    }
    const bulkFirst = bulk.length > 0 && this.#interactiveBatches >= interactiveRun;
    for (const queue of bulkFirst ? [bulk, interactive] : [interactive, bulk]) {
      const batch = this.#formFrom(queue, held);
      if (batch === undefined) continue;
      this.#interactiveBatches = queue === interactive && bulk.length > 0 ? this.#interactiveBatches + 1 : 0;
      return batch;
    }
    return undefined;
  }

  #formAgain(job: Job): Batch | undefined {
    const [again] = job.again;
    if (again === undefined || job.lease === undefined || !job.lease.idle()) return undefined;
    if (this.#alone.has(job.lease.serving)) return undefined;
    job.again.shift();
    this.#countTaken(job, again.rows.length);
    if (pendingOf(job) === 0) this.#dequeue(job);
    this.#alone.add(job.lease.serving);
    const texts = again.rows.map((row) => job.texts[row] ?? '');
    const { lease } = job;
    return { lease, parts: [{ job, lease, rows: again.rows }], texts, columns: 0, again };
  }

  /** From versions that are not `held`. */
  #formFrom(queue: readonly Job[], held: ReadonlySet<Serving>): Batch | undefined {
    let batch: Batch | undefined;
    // Others that have not begun would get the same version.
    let newestTakesNone = false;
    for (const job of queue.slice()) {
      if (newestTakesNone && job.next === 0) continue;
      const lease = this.#leaseOf(job);
      if (lease === undefined) continue;
      const { serving } = lease;
      const takes = batch === undefined ? lease.room() > 0 && !held.has(serving) : serving === batch.lease.serving;
      if (takes) {
        batch ??= { lease, parts: [], texts: [], columns: 0, again: undefined };
        if (!this.#take(job, lease, batch)) break;
      } else if (job.next === 0) {
        newestTakesNone = true;
        // Another version may serve when its turn comes.
        releaseLease(job);
      }
    }
    return batch;
  }

  /** Moves rows of a job into the batch; says whether all fitted. */
  #take(job: Job, lease: Lease, batch: Batch): boolean {
    const from = job.next;
    const limit = this.#batchTokens(lease.serving);
    const longestPossible = lease.serving.maximumLength;
    while (job.next < job.order.length) {
      const text = job.texts[job.order[job.next] ?? 0] ?? '';
      const columns = Math.max(batch.columns, Math.min(text.length, longestPossible), 1);
      if (batch.texts.length > 0 && (batch.texts.length + 1) * columns > limit) break;
      batch.columns = columns;
      batch.texts.push(text);
      job.next++;
    }
    const taken = job.next - from;
    this.#countTaken(job, taken);
    if (taken > 0) batch.parts.push({ job, lease, rows: job.order.slice(from, job.next) });
    const all = job.next === job.order.length;
    if (all) this.#dequeue(job);
    return all;
  }

  #countTaken({ priority }: Job, rows: number): void {
    if (priority === 'interactive') this.#queuedInteractive -= rows;
  }

  /** The version that answers all of the job; undefined: none yet, or there will be none and the job has failed. */
  #leaseOf(job: Job): Lease | undefined {
    try {
      job.lease ??= this.#options.acquire();
    } catch (error) {
      this.#fail(job, error);
    }
    return job.lease;
  }

  #batchTokens(of: Serving): number {
    const { maximumBatchTokens, maximumBatchTime } = this.#options;
    const { serving, milliseconds, tokens } = this.#measured;
    const inTime = serving === of ? (maximumBatchTime * tokens) / Math.max(milliseconds, 1e-3) : firstBatchTokens;
    return Math.min(maximumBatchTokens, inTime);
  }

  async #run(batch: Batch): Promise<void> {
    const { lease, parts, texts } = batch;
    for (const { job } of parts) job.batches++;
    const startedAt = this.#options.clock.now();
    let hostMilliseconds = 0;
    let truncated = 0;
    let columns = { needed: 0, run: 0 };
    try {
      const answer = await lease.answer(texts);
      ({ milliseconds: hostMilliseconds, columns } = answer);
      truncated = answer.truncated.reduce((count, cut) => count + cut, 0);
      this.#measure(batch, hostMilliseconds);
      let at = 0;
      for (const part of parts) {
        note(part, { answer, at, startedAt });
        at += part.rows.length;
      }
    } catch (error) {
      for (const part of parts) this.#askAgain(part, { error, again: batch.again, alone: parts.length === 1 });
    }
    if (batch.again !== undefined) this.#alone.delete(lease.serving);
    for (const { job } of parts) {
      job.batches--;
      this.#endIfDone(job);
    }
    this.#pump();
    const milliseconds = this.#options.clock.now() - startedAt;
    this.#options.onBatch?.({ texts: texts.length, truncated, columns, hostMilliseconds, milliseconds });
  }

  #measure({ lease: { serving }, texts, columns }: Batch, milliseconds: number): void {
    if (columns === 0) return;
    const before = this.#measured;
    const counts = before.serving === serving ? memory : 0;
    this.#measured = {
      serving,
      milliseconds: before.milliseconds * counts + milliseconds,
      tokens: before.tokens * counts + texts.length * columns,
      texts: before.texts * counts + texts.length,
    };
  }

  /** With the version that serves now, if that is another than it began with. Says whether it does. */
  #beginAnew(job: Job): boolean {
    try {
      const now = this.#options.acquire();
      now?.release();
      if (now === undefined || now.serving === job.lease?.serving) return false;
    } catch (error) {
      this.#fail(job, error);
      return true;
    }
    this.#dequeue(job);
    releaseLease(job);
    Object.assign(job, {
      next: 0,
      again: [],
      result: undefined,
      answered: 0,
      failures: new Map(),
    } satisfies Partial<Job>);
    this.#enqueue(job);
    return true;
  }

  /** Rows whose batch failed: who is innocent is asked again, who is not is found. */
  #askAgain(
    { job, lease, rows }: Part,
    { error, again, alone }: { error: unknown; again: Again | undefined; alone: boolean },
  ): void {
    if (job.over || job.lease !== lease) return;
    const suspect = again?.suspect ?? false;
    if (!(error instanceof TidemillError)) return this.#fail(job, error);
    if (this.#beginAnew(job)) return;
    const put = (...groups: Again[]) => {
      this.#dequeue(job);
      job.again.push(...groups);
      this.#enqueue(job);
    };
    // The host ended over another batch.
    if (error.code === 'BATCH_NOT_STARTED') return put({ rows, ended: again?.ended ?? 0, suspect });
    // With others it was perhaps not these; and a host may be ended from outside.
    const ended = alone ? (again?.ended ?? 0) + 1 : 0;
    const invalid = error.code === 'MODEL_OUTPUT_INVALID';
    const certain = invalid ? alone : ended >= (suspect && rows.length > 1 ? 1 : 2);
    if (!certain) return put({ rows, ended, suspect });
    if (rows.length > 1) {
      const middle = Math.ceil(rows.length / 2);
      const halves = [rows.slice(0, middle), rows.slice(middle)];
      return put(...halves.map((half) => ({ rows: half, ended: 0, suspect: true })));
    }
    for (const row of rows) job.failures.set(row, invalid ? error : modelError('TEXT_ENDS_HOST', { cause: error }));
    job.answered += rows.length;
  }

  #endIfDone(job: Job): void {
    if (job.over) {
      if (job.batches === 0) releaseLease(job);
      return;
    }
    if (job.answered < job.texts.length) return;
    job.over = true;
    job.stopListening();
    const { lease } = job;
    if (lease !== undefined) job.resolve(job.result ?? emptyResult(job, lease.serving));
    releaseLease(job);
  }

  /** What runs already runs to its end, for nobody. */
  #fail(job: Job, error: unknown): void {
    if (job.over) return;
    this.#dequeue(job);
    job.over = true;
    job.stopListening();
    if (job.batches === 0) releaseLease(job);
    job.reject(error);
  }
}

/** Rows that are in no batch. */
function pendingOf({ order, next, again }: Job): number {
  return again.reduce((sum, { rows }) => sum + rows.length, order.length - next);
}

function releaseLease(job: Job): void {
  job.lease?.release();
  job.lease = undefined;
}

function emptyResult(job: Job, serving: Serving): BatchResult {
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
function note(
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
