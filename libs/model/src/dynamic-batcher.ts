import type { Clock } from '#libs/platform';
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
}

/** The right to run one batch on the version that serves now; released when the batch is done. */
export interface Lease {
  serving: Serving;
  classify(texts: readonly string[]): Promise<HostAnswer>;
  release(): void;
}

/** All texts of one request, answered by one and the same version. */
export interface BatchResult extends BatchTimes {
  serving: Serving;
  /** Rows × labels, row-major, in the order of the texts. */
  probabilities: Float32Array;
  truncated: Uint8Array;
}

interface BatchTimes {
  queueMilliseconds: number;
  inferenceMilliseconds: number;
}

interface Job {
  texts: readonly string[];
  enqueuedAt: number;
  signal: AbortSignal | undefined;
  resolve: (result: BatchResult) => void;
  reject: (error: unknown) => void;
}

export interface BatcherOptions {
  /** The serving version at the moment a batch is formed. */
  acquire: () => Promise<Lease>;
  /** Texts in one batch; a single larger request is a batch of its own. */
  maximumTexts: number;
  /** Interactive texts that may wait; beyond, requests are refused, unless nothing else waits. */
  maximumQueuedTexts: number;
  clock: Clock;
  onBatch?: (texts: number, times: BatchTimes, truncated: number) => void;
}

/** One batch runs, exactly one waits in the pipe to the host: the host never idles, and little is committed early. */
const batchesInFlight = 2;
/** After this many batches of interactive texts alone, a bulk request goes first. */
const interactiveRun = 4;

/**
 * Groups requests into batches for one model: an idle host takes what is queued at once, interactive requests
 * overtake bulk without starving it, and a request is never split, so that one version answers all of it.
 */
export class DynamicBatcher {
  readonly #options: BatcherOptions;
  readonly #interactive: Job[] = [];
  readonly #bulk: Job[] = [];
  #queuedInteractive = 0;
  #inFlight = 0;
  #interactiveBatches = 0;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Interactive texts waiting. */
  get queuedTexts(): number {
    return this.#queuedInteractive;
  }

  /**
   * Answers texts, in order, by one version; gives up at once when `signal` aborts.
   * @throws TidemillError BATCH_QUEUE_FULL for an interactive request over the limit; whatever the host threw.
   */
  submit(texts: readonly string[], priority: 'interactive' | 'bulk', signal?: AbortSignal): Promise<BatchResult> {
    if (priority === 'interactive') {
      const over = this.#queuedInteractive + texts.length > this.#options.maximumQueuedTexts;
      // Alone it may be as large as it likes, or it would be refused for ever.
      if (over && this.#queuedInteractive > 0) {
        return Promise.reject(modelError('BATCH_QUEUE_FULL', { detail: `${this.#queuedInteractive} texts wait` }));
      }
      this.#queuedInteractive += texts.length;
    }
    const { promise, resolve, reject } = Promise.withResolvers<BatchResult>();
    const queue = priority === 'interactive' ? this.#interactive : this.#bulk;
    const job = { texts, signal, enqueuedAt: this.#options.clock.now(), resolve, reject };
    queue.push(job);
    if (signal?.aborted === true) this.#giveUp(queue, job);
    else signal?.addEventListener('abort', () => this.#giveUp(queue, job), { once: true });
    this.#pump();
    return promise;
  }

  /** What runs already runs to its end, for nobody. */
  #giveUp(queue: Job[], job: Job): void {
    const waiting = queue.indexOf(job);
    if (waiting >= 0) {
      queue.splice(waiting, 1);
      if (queue === this.#interactive) this.#queuedInteractive -= job.texts.length;
    }
    job.reject(job.signal?.reason);
  }

  #pump(): void {
    while (this.#inFlight < batchesInFlight) {
      const jobs = this.#take();
      if (jobs.length === 0) return;
      this.#inFlight++;
      void this.#run(jobs).finally(() => {
        this.#inFlight--;
        this.#pump();
      });
    }
  }

  #take(): Job[] {
    const bulkFirst = this.#bulk.length > 0 && this.#interactiveBatches >= interactiveRun;
    const queues = bulkFirst ? [this.#bulk, this.#interactive] : [this.#interactive, this.#bulk];
    const jobs: Job[] = [];
    let texts = 0;
    for (const queue of queues) {
      for (let head = queue[0]; head !== undefined; head = queue[0]) {
        if (jobs.length > 0 && texts + head.texts.length > this.#options.maximumTexts) break;
        queue.shift();
        if (queue === this.#interactive) this.#queuedInteractive -= head.texts.length;
        jobs.push(head);
        texts += head.texts.length;
      }
    }
    this.#interactiveBatches = bulkFirst || this.#bulk.length === 0 ? 0 : this.#interactiveBatches + 1;
    return jobs;
  }

  async #run(jobs: readonly Job[]): Promise<void> {
    let lease: Lease | undefined;
    try {
      lease = await this.#options.acquire();
      const started = this.#options.clock.now();
      const texts = jobs.length === 1 ? (jobs[0]?.texts ?? []) : jobs.flatMap((job) => [...job.texts]);
      const answer = await lease.classify(texts);
      const classes = lease.serving.labels.length;
      let row = 0;
      for (const job of jobs) {
        const end = row + job.texts.length;
        const times = { queueMilliseconds: started - job.enqueuedAt, inferenceMilliseconds: answer.milliseconds };
        job.resolve({
          serving: lease.serving,
          probabilities: answer.probabilities.subarray(row * classes, end * classes),
          truncated: answer.truncated.subarray(row, end),
          ...times,
        });
        row = end;
      }
      const queueMilliseconds = started - (jobs[0]?.enqueuedAt ?? started);
      const truncated = answer.truncated.reduce((count, cut) => count + cut, 0);
      this.#options.onBatch?.(row, { queueMilliseconds, inferenceMilliseconds: answer.milliseconds }, truncated);
    } catch (error) {
      for (const job of jobs) job.reject(error);
    } finally {
      lease?.release();
    }
  }
}
