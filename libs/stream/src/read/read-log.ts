import { newId } from '#libs/platform';
import type { Backend, RawMessage, Subscription } from '../backend/backend.ts';

export interface ReadLogOptions {
  /** Called in order, partition by partition, and awaited. */
  onMessage(message: RawMessage, partition: number): Promise<void> | void;
  /** Go on after the end until closed. */
  follow?: boolean;
  /** Where to begin, by partition; others at their oldest record. */
  from?: ReadonlyMap<number, bigint> | undefined;
  /** The offset before which to end, by partition; others at the end they have. Not while following. */
  until?: ReadonlyMap<number, bigint> | undefined;
  /** While following: reading has ended by itself, or `onMessage` threw. */
  onFatal?(error: Error): void;
}

export interface LogReader {
  /** Resolves when everything that was written before the call has been handed over. Only while following. */
  caughtUp(): Promise<void>;
  close(): Promise<void>;
}

/** Where a reader is, and who waits for it to get somewhere. */
class Positions {
  readonly #next = new Map<number, bigint>();
  readonly #waiting = new Set<{ ends: Ends; resolve: () => void }>();

  advance(partition: number, next: bigint): void {
    this.#next.set(partition, next);
    for (const waiter of this.#waiting) {
      if (!this.#reached(waiter.ends)) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }

  async reach(ends: Ends): Promise<void> {
    if (this.#reached(ends)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add({ ends, resolve });
    await promise;
  }

  #reached(ends: Ends): boolean {
    return ends.every(({ partition, high }) => (this.#next.get(partition) ?? 0n) >= high);
  }
}

type Ends = readonly { partition: number; high: bigint }[];

/**
 * Reads a topic from its oldest record (or `from`) to the end it had at the call (or `until`), whatever that end is made of (nothing, tombstones,
 * compacted gaps, transaction markers), and resolves there. Every record is handed over once. Reads in a group of its own.
 */
export async function readLog(backend: Backend, topic: string, options: ReadLogOptions): Promise<LogReader> {
  const { from, until } = options;
  const beginning = (partition: number) => from?.get(partition) ?? 0n;
  const endsNow = async () => {
    const offsets = await backend.admin.offsets(topic);
    const ends = offsets.map(({ partition, low, high }) => ({
      partition,
      low,
      high: least(high, until?.get(partition)),
    }));
    return ends.filter(({ partition, low, high }) => low < high && beginning(partition) < high);
  };
  const ends = await endsNow();
  const nothing: LogReader = { caughtUp: () => Promise.resolve(), close: () => Promise.resolve() };
  if (ends.length === 0 && options.follow !== true) return nothing;
  const positions = new Positions();
  const handedOver = new Map<number, bigint>();
  const failed = Promise.withResolvers<never>();
  let atEnd = false;
  const fail = (error: Error) => {
    if (atEnd) options.onFatal?.(error);
    else failed.reject(error);
  };
  const subscribing = backend.subscribe({
    groupId: `${topic}-reader-${newId()}`,
    topics: [topic],
    concurrency: 1,
    // Not one that ends: stopped, it is to leave nothing behind.
    alone: options.follow === true,
    // Of compressed bytes: what they hold may be twenty times as much.
    bytesPerPartition: 131_072,
    async handle(batch, control) {
      const { partition } = batch;
      const last = until?.get(partition);
      for (const message of batch.messages) {
        if (control.lost.aborted) return;
        // Delivered again after a rebalance, or beyond the range.
        if (message.offset < (handedOver.get(partition) ?? beginning(partition))) continue;
        if (last !== undefined && message.offset >= last) return;
        await options.onMessage(message, partition);
        handedOver.set(partition, message.offset + 1n);
      }
    },
    startAt: ({ partition }) => from?.get(partition),
    // Not by the offset of a message: the last ones may be gone, or be no messages at all.
    onProgress: ({ partition }, next) => positions.advance(partition, next),
    onFatal: fail,
  });
  let subscription: Subscription | undefined;
  try {
    [subscription] = await Promise.race([Promise.all([subscribing, positions.reach(ends)]), failed.promise]);
  } catch (error) {
    await subscribing.then(
      (late) => late.stop(),
      () => undefined,
    );
    throw error;
  }
  atEnd = true;
  if (options.follow !== true) {
    await subscription.stop();
    return nothing;
  }
  const following = subscription;
  return { caughtUp: async () => positions.reach(await endsNow()), close: () => following.stop() };
}

function least(high: bigint, until: bigint | undefined): bigint {
  return until !== undefined && until < high ? until : high;
}
