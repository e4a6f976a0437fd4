import { type Clock, TidemillError } from '#libs/platform';
import { type Again, afterFailure } from './ask-again.ts';
import { BatchCost } from './batch-cost.ts';
import {
  type BatchResult,
  emptyResult,
  type Job,
  type Lease,
  note,
  type Part,
  pendingOf,
  type Priority,
  releaseLease,
  type Serving,
} from './batch-job.ts';
import { modelError } from './errors.ts';
import type { HostAnswer } from './model-host.ts';
import { byLength } from './plan-runs.ts';

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

interface Batch {
  lease: Lease;
  parts: Part[];
  texts: string[];
  columns: number;
  again: Again | undefined;
}

/** After this many batches of interactive texts alone, bulk texts go first. */
const interactiveRun = 4;

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
  readonly #cost = new BatchCost();

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Interactive texts waiting. */
  get queuedTexts(): number {
    return this.#queuedInteractive;
  }

  /** Seconds after which what waits now will have been answered, by what batches have taken so far; at least 1. */
  get retryAfter(): number {
    return Math.max(1, Math.ceil(this.#cost.millisecondsOf(this.#queuedInteractive) / 1000));
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
    else if (from === 0) releaseLease(job);
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

  #batchTokens(serving: Serving): number {
    const { maximumBatchTokens, maximumBatchTime } = this.#options;
    return Math.min(maximumBatchTokens, this.#cost.tokensIn(maximumBatchTime, serving));
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
      // Of texts that are asked alone nothing is learned.
      if (batch.again === undefined) {
        const { serving } = lease;
        const tokens = texts.length * batch.columns;
        this.#cost.update(serving, { milliseconds: hostMilliseconds, tokens, texts: texts.length });
      }
      let at = 0;
      for (const part of parts) {
        note(part, { answer, at, startedAt });
        at += part.rows.length;
      }
    } catch (error) {
      for (const part of parts) this.#askAgain(part, error, { asked: batch.again, alone: parts.length === 1 });
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

  #askAgain({ job, lease, rows }: Part, error: unknown, how: { asked: Again | undefined; alone: boolean }): void {
    if (job.over || job.lease !== lease) return;
    if (!(error instanceof TidemillError)) return this.#fail(job, error);
    if (this.#beginAnew(job)) return;
    const verdict = afterFailure(rows, { error, ...how });
    if ('again' in verdict) {
      this.#dequeue(job);
      job.again.push(...verdict.again);
      this.#enqueue(job);
      return;
    }
    for (const row of rows) job.failures.set(row, verdict.failure);
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
