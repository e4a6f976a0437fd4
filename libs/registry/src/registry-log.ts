import type { RegistryEvent } from '#libs/events';
import { type Logger, reasonOf, TidemillError } from '#libs/platform';
import type { Stream, StreamProducer } from '#libs/stream';
import { registryError } from './errors.ts';
import { type Decision, decideRegistryEvent } from './registry-reducer.ts';
import { emptyRegistryState, type RegistryState } from './registry-state.ts';

/** How often a write is sent again with the same ids when it is not known whether it arrived. */
const sendAttempts = 5;

type Listener = (event: RegistryEvent) => void;

/**
 * The registry's log as state. Own events and those of another writer take the same way: they count in the order of the
 * log, so two writers that decide at the same time end in the same state, and the later one learns that it lost.
 */
export class RegistryLog {
  #state: RegistryState = emptyRegistryState;
  /** Offset after the last applied one; the log has one partition. */
  #next = 0n;
  #closed = false;
  readonly #producer: StreamProducer;
  readonly #logger: Logger;
  readonly #awaited = new Map<string, PromiseWithResolvers<Decision>>();
  readonly #listeners = new Set<Listener>();
  #reader: { close(): Promise<void> } | undefined;

  private constructor(producer: StreamProducer, logger: Logger) {
    this.#producer = producer;
    this.#logger = logger;
  }

  /** Replays the log to its end and goes on following it. */
  static async open(
    stream: Stream,
    { producer, logger }: { producer: StreamProducer; logger: Logger },
  ): Promise<RegistryLog> {
    const log = new RegistryLog(producer, logger);
    log.#reader = await stream.readToEnd(
      'registry-events',
      ({ value, offset }) => {
        if (value !== null) log.#take(offset, value);
      },
      { follow: true },
    );
    return log;
  }

  get state(): RegistryState {
    return this.#state;
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Appends events, in one request, and resolves when they count. Each must be legal after those before it.
   * @throws TidemillError ILLEGAL_TRANSITION when nothing was written; REGISTRY_CONFLICT when another writer's event
   * came between; as `send` of the stream, when it is not known whether the events were written.
   */
  async append(events: readonly RegistryEvent[]): Promise<void> {
    if (this.#closed) throw registryError('REGISTRY_CLOSED');
    let state = this.#state;
    for (const event of events) {
      const decision = decideRegistryEvent(state, event);
      if (decision.outcome === 'illegal') throw registryError('ILLEGAL_TRANSITION', { detail: decision.why });
      state = decision.state;
    }
    const outcomes = events.map(({ id }) => {
      const outcome = Promise.withResolvers<Decision>();
      this.#awaited.set(id, outcome);
      return outcome.promise;
    });
    try {
      const written = await this.#send(events);
      for (const [index, { offset }] of written.entries()) {
        const event = events[index];
        // With other records between, the reader brings all of them in order.
        if (event !== undefined && offset === this.#next) this.#take(offset, event);
      }
      for (const outcome of await Promise.all(outcomes))
        if (outcome.outcome === 'illegal') throw registryError('REGISTRY_CONFLICT', { detail: outcome.why });
    } finally {
      for (const { id } of events) this.#awaited.delete(id);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { promise, reject } of this.#awaited.values()) {
      promise.catch(() => undefined);
      reject(registryError('REGISTRY_CLOSED'));
    }
    await this.#reader?.close();
    this.#listeners.clear();
  }

  /** A repeated id counts once, so what may have been written can be sent again. */
  async #send(events: readonly RegistryEvent[]) {
    const records = events.map((value) => ({ key: value.model, value }));
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#producer.send('registry-events', records);
      } catch (error) {
        const again = error instanceof TidemillError && error.retriable && attempt < sendAttempts && !this.#closed;
        if (!again) throw error;
        this.#logger.warn({ reason: reasonOf(error), attempt }, 'writing the registry log again');
      }
    }
  }

  #take(offset: bigint, event: RegistryEvent): void {
    if (offset < this.#next) return;
    this.#next = offset + 1n;
    const decision = decideRegistryEvent(this.#state, event);
    this.#state = decision.state;
    this.#awaited.get(event.id)?.resolve(decision);
    if (decision.outcome === 'illegal')
      this.#logger.warn({ id: event.id, kind: event.kind, why: decision.why }, 'a registry event does not count');
    if (decision.outcome !== 'applied') return;
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#logger.error({ kind: event.kind, reason: reasonOf(error) }, 'a listener of the registry failed');
      }
    }
  }
}
