import { setTimeout as delay } from 'node:timers/promises';
import { type CustomTransportStrategy, Server } from '@nestjs/microservices';

/** Something that runs until it is closed: a pipeline, a reader. */
export interface Running {
  close(): Promise<void>;
}

/**
 * Starts our pipelines with a Nest application and drains them when it closes. Nest's own Kafka transport knows single
 * messages only, retries for ever and commits what nobody handled; see docs/adr/0004-kafka-client.md.
 */
export class PipelineTransport extends Server<Record<string, never>> implements CustomTransportStrategy {
  readonly #starts: readonly (() => Promise<Running>)[];
  readonly #running: Running[] = [];
  #listening: Promise<void> | undefined;
  readonly #patience: number;
  #closing = false;
  #closed = false;

  /** `starts` run in order; each may wait for what it needs. `patience`: milliseconds that closing waits for one. */
  constructor(starts: readonly (() => Promise<Running>)[], patience = 5000) {
    super();
    this.#starts = starts;
    this.#patience = patience;
  }

  listen(callback: (error?: unknown) => void): void {
    this.#listening = this.#start();
    void this.#report(this.#listening, callback);
  }

  /**
   * Drains in reverse order, after a start that is under way. One that does not end soon, because Kafka is away say, is
   * not waited for: what comes of it is closed when it comes.
   */
  async close(): Promise<void> {
    this.#closing = true;
    const started = this.#listening?.catch(() => undefined);
    await Promise.race([started, delay(this.#patience, undefined, { ref: false })]);
    this.#closed = true;
    for (const running of this.#running.toReversed()) await running.close();
    this.#running.length = 0;
  }

  on(): void {
    // Pipelines report through logger, metrics and readiness; there are no transport events.
  }

  /** The running parts; `T` is Nest's, the caller names `Running[]`. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the signature is that of Nest
  unwrap<T>(): T {
    return this.#running as T;
  }

  async #report(started: Promise<void>, callback: (error?: unknown) => void): Promise<void> {
    let failure: unknown;
    await started.catch((error: unknown) => (failure = error));
    callback(failure);
  }

  async #start(): Promise<void> {
    for (const start of this.#starts) {
      if (this.#closing) return;
      const running = await start();
      if (this.#closed) return await running.close();
      this.#running.push(running);
    }
  }
}
