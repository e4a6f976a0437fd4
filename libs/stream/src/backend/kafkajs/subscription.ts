import { setTimeout as delay } from 'node:timers/promises';
import type { Batch, Consumer, EachBatchPayload } from 'kafkajs';
import { reasonOf } from '#libs/platform';
import { streamError } from '../../errors.ts';
import type { PartitionId, RawBatch, SubscribeOptions, Subscription } from '../backend.ts';
import type { KafkaSettings } from './client.ts';
import { Lease } from './lease.ts';

export const defaultSession = { sessionTimeout: 45_000, heartbeatInterval: 3000, drainTimeout: 10_000 };
/** A commit that fails for a passing reason is tried this often before the batch is given back. */
const commitAttempts = 5;

/** One kafkajs consumer with the guards of docs/adr/0004-kafka-client.md around every batch. */
export class KafkaSubscription implements Subscription {
  readonly #consumer: Consumer;
  readonly #options: SubscribeOptions;
  readonly #settings: KafkaSettings;
  readonly #leases = new Map<Lease, Promise<void>>();
  /** When the heartbeat or join that was answered last had been sent, epoch milliseconds. */
  #asked = 0;
  #lastConfirmed = 0;
  /** Set from the coordinator's notice until this member has joined again. */
  #rebalance: Error | undefined;
  #generation = 0;
  #paused = false;
  #stopping: Promise<void> | undefined;
  readonly #stopped = Promise.withResolvers<never>();
  #failed = false;

  constructor(consumer: Consumer, options: SubscribeOptions, settings: KafkaSettings) {
    this.#consumer = consumer;
    this.#options = options;
    this.#settings = settings;
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Connects, joins and resolves with the first assignment. @throws TidemillError CONSUMER_CLOSED when it was stopped first. */
  async start(): Promise<void> {
    await Promise.race([this.#join(), this.#stopped.promise]);
  }

  async #join(): Promise<void> {
    const { events } = this.#consumer;
    const joined = Promise.withResolvers<void>();
    this.#consumer.on(events.REQUEST, ({ payload }) => this.#answered(payload));
    this.#consumer.on(events.HEARTBEAT, () => this.#confirm());
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      this.#onJoin(payload.memberAssignment);
      joined.resolve();
    });
    this.#consumer.on(events.END_BATCH_PROCESS, ({ payload }) =>
      this.#options.onProgress?.(
        { topic: payload.topic, partition: payload.partition },
        BigInt(payload.lastOffset) + 1n,
      ),
    );
    this.#consumer.on(events.CRASH, ({ payload }) => {
      // With restart: kafkajs starts again by itself ("coordinator is loading" after a broker start, say).
      if (payload.restart) return;
      const error = streamError('CONSUMER_FAILED', { detail: reasonOf(payload.error), cause: payload.error });
      joined.reject(error);
      this.#fail(error);
    });
    await this.#consumer.connect();
    if (this.stopping) return await this.#consumer.disconnect();
    // Always from the beginning: otherwise an offset reset skips what it cannot place, and commits the skip.
    await this.#consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.#options.concurrency,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
    await joined.promise;
  }

  pause(): void {
    this.#paused = true;
    this.#consumer.pause(this.#options.topics.map((topic) => ({ topic })));
  }

  resume(): void {
    this.#paused = false;
    this.#consumer.resume(this.#options.topics.map((topic) => ({ topic })));
  }

  /** Ends within twice the drain time-out, however Kafka is. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#stopped.promise.catch(() => undefined);
    this.#stopped.reject(streamError('CONSUMER_CLOSED'));
    if (!this.#failed && this.#generation > 0) this.pause();
    for (const lease of this.#leases.keys()) lease.drain();
    await Promise.allSettled(this.#leases.values());
    const gone = this.#consumer.disconnect();
    // Nothing of the fetch it still waits for is handed over, and nobody waits for it to leave.
    if (this.#options.alone === true) return void gone.catch(() => undefined);
    // kafkajs waits for a rebalance under way, which others may hold up; the coordinator notices a member that has gone.
    const patience = this.#settings.drainTimeout ?? defaultSession.drainTimeout;
    await Promise.race([gone, delay(patience, undefined, { ref: false })]);
  }

  #answered({ apiName, createdAt }: { apiName: string; createdAt: number }): void {
    if (apiName === 'Heartbeat' || apiName === 'SyncGroup') this.#asked = createdAt;
  }

  /**
   * The coordinator knew this member when it was asked. When the answer is read says nothing: a process that was stopped
   * reads it long after its eviction.
   */
  #confirm(): void {
    this.#lastConfirmed = this.#asked;
  }

  #onJoin(assignment: Record<string, number[]>): void {
    this.#confirm();
    this.#rebalance = undefined;
    this.#generation++;
    // A consumer that kafkajs started again has forgotten what was paused.
    if (this.#paused) this.pause();
    const partitions = Object.entries(assignment).flatMap(([topic, numbers]) =>
      numbers.map((partition): PartitionId => ({ topic, partition })),
    );
    if (this.#generation === 1) this.#seek(partitions);
    this.#options.onAssigned?.(partitions);
  }

  /** Takes effect before the first fetch. */
  #seek(partitions: readonly PartitionId[]): void {
    for (const { topic, partition } of partitions) {
      const offset = this.#options.startAt?.({ topic, partition });
      if (offset !== undefined) this.#consumer.seek({ topic, partition, offset: String(offset) });
    }
  }

  #fail(error: Error): void {
    if (this.#failed || this.#stopping !== undefined) return;
    this.#failed = true;
    for (const lease of this.#leases.keys()) lease.drain();
    this.#options.onFatal(error);
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    // Fetched before the notice: of no use to this member any more.
    if (this.#rebalance !== undefined) throw this.#rebalance;
    if (this.#stopping !== undefined || this.#failed || this.#paused) return;
    const lease = new Lease({
      clock: this.#settings.clock,
      sessionTimeout: this.#settings.sessionTimeout ?? defaultSession.sessionTimeout,
      drainTimeout: this.#settings.drainTimeout ?? defaultSession.drainTimeout,
      heartbeat: () => payload.heartbeat(),
      lastConfirmed: () => this.#lastConfirmed,
      onRebalance: (error) => this.#onRebalance(error),
    });
    const work = this.#work(payload, lease).finally(() => {
      this.#leases.delete(lease);
      lease.end();
    });
    this.#leases.set(lease, work);
    await work;
  }

  #onRebalance(error: Error): void {
    this.#confirm();
    this.#rebalance ??= error;
    for (const lease of this.#leases.keys()) lease.drain();
  }

  /**
   * 1 the handler's effects, 2 the commit, 3 the next fetch starts after it. A crash between 1 and 2 delivers the batch
   * again, so effects must be idempotent by key.
   */
  async #work(payload: EachBatchPayload, lease: Lease): Promise<void> {
    const generation = this.#generation;
    const { batch } = payload;
    const last = BigInt(batch.lastOffset());
    let failure: unknown;
    const handled = this.#options.handle(toRawBatch(batch), lease).then(
      () => lease.resolve(last),
      (error: unknown) => (failure = error),
    );
    await Promise.race([handled, aborted(lease.lost)]);
    if (lease.eviction !== undefined) throw lease.eviction;
    if (lease.resolved !== undefined && generation === this.#generation) {
      await this.#commit(payload, lease.resolved + 1n);
      payload.resolveOffset(String(lease.resolved));
    }
    if (this.#rebalance !== undefined) throw this.#rebalance;
    if (failure === undefined || lease.draining.aborted) return;
    // Nothing below may throw: kafkajs would deliver the same offset for ever, or end without telling anybody.
    this.#fail(streamError('CONSUMER_FAILED', { detail: reasonOf(failure), cause: failure }));
    this.pause();
  }

  async #commit(payload: EachBatchPayload, offset: bigint): Promise<void> {
    const { batch } = payload;
    const offsets = {
      topics: [{ topic: batch.topic, partitions: [{ partition: batch.partition, offset: String(offset) }] }],
    };
    for (let attempt = 1; ; attempt++) {
      try {
        // Not consumer.commitOffsets: that one does nothing, silently, once the consumer is stopping.
        return await payload.commitOffsetsIfNecessary(offsets);
      } catch (error) {
        const retriable = error instanceof Error && 'retriable' in error && error.retriable === true;
        if (!retriable || attempt === commitAttempts) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** attempt));
      }
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function toRawBatch(batch: Batch): RawBatch {
  return {
    topic: batch.topic,
    partition: batch.partition,
    highWatermark: BigInt(batch.highWatermark),
    messages: batch.messages.map((message) => ({
      key: message.key,
      value: message.value,
      headers: message.headers ?? {},
      offset: BigInt(message.offset),
      timestamp: Number(message.timestamp),
    })),
  };
}
