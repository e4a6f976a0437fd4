import { setTimeout as delay } from 'node:timers/promises';
import type { RetrainingRequest } from '#libs/events';
import { type Logger, reasonOf } from '#libs/platform';
import type { Registry } from '#libs/registry';
import type { LogReader, Stream } from '#libs/stream';
import type { RetrainingWorkflow } from './retraining.workflow.ts';

export interface RequestQueueOptions {
  stream: Stream;
  registry: Registry;
  workflow: Pick<RetrainingWorkflow, 'run'>;
  logger: Logger;
}

const firstRetry = 1000;
const longestRetry = 30_000;

/**
 * Topic retraining-requests, one after the other in its order. What has been done is what the registry has ended:
 * the topic is read from its beginning at every start, and a request whose work a crash cut short is begun again.
 */
export class RequestQueue {
  readonly #options: RequestQueueOptions;
  readonly #stop = new AbortController();
  readonly #waiting: RetrainingRequest[] = [];
  #working: Promise<void> | undefined;
  #reader: LogReader | undefined;
  #failure: string | undefined;

  constructor(options: RequestQueueOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#reader = await this.#options.stream.readToEnd(
      'retraining-requests',
      ({ value }) => {
        if (value !== null) this.#add(value);
      },
      { follow: true },
    );
    this.#pump();
  }

  /** True while a request of the model, other than this one, waits or is worked on. */
  pending(model: string, other?: string): boolean {
    return this.#waiting.some((request) => request.model === model && request.id !== other);
  }

  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Why the request at hand does not get on, if so. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Resolves when every request written before the call is known here. */
  async caughtUp(): Promise<void> {
    await this.#reader?.caughtUp();
  }

  /** Ends the work at hand; it is begun again at the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#reader?.close();
    await this.#working;
  }

  #add(request: RetrainingRequest): void {
    const { registry } = this.#options;
    const known = this.#waiting.some(({ id }) => id === request.id);
    if (known || registry.ended(request.model, request.id) !== undefined) return;
    this.#waiting.push(request);
    if (this.#reader !== undefined) this.#pump();
  }

  #pump(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      // One that was added when the work had found nothing more.
      if (this.#waiting.length > 0 && !this.#stop.signal.aborted) this.#pump();
    });
  }

  async #work(): Promise<void> {
    const { workflow, logger } = this.#options;
    const { signal } = this.#stop;
    for (let pause = firstRetry; this.#waiting.length > 0 && !signal.aborted;) {
      const [request] = this.#waiting;
      if (request === undefined) return;
      try {
        await workflow.run(request, signal);
        this.#waiting.shift();
        this.#failure = undefined;
        pause = firstRetry;
      } catch (error) {
        if (signal.aborted) return;
        this.#failure = `${request.model}: ${reasonOf(error)}`;
        logger.warn({ request: request.id, reason: reasonOf(error) }, 'retraining waits and tries again');
        await delay(pause, undefined, { signal }).catch(() => undefined);
        pause = Math.min(pause * 2, longestRetry);
      }
    }
  }
}
