import { newId } from '#libs/platform';
import type { Backend, RawMessage, Subscription } from '../backend/backend.ts';

export interface ReadLogOptions {
  /** Called in order, partition by partition, and awaited. */
  onMessage(message: RawMessage, partition: number): Promise<void> | void;
  /** Go on after the end until closed. */
  follow?: boolean;
  /** While following: reading has ended by itself, or `onMessage` threw. */
  onFatal?(error: Error): void;
}

export interface LogReader {
  close(): Promise<void>;
}

/**
 * Reads a topic from its oldest record to the end it had at the call, whatever that end is made of (nothing, tombstones,
 * compacted gaps, transaction markers), and resolves there. Reads in a group of its own that commits nothing.
 */
export async function readLog(backend: Backend, topic: string, options: ReadLogOptions): Promise<LogReader> {
  const ends = (await backend.admin.offsets(topic)).filter(({ low, high }) => low < high);
  const remaining = new Map(ends.map(({ partition, high }) => [partition, high]));
  const nothing: LogReader = { close: () => Promise.resolve() };
  if (remaining.size === 0 && options.follow !== true) return nothing;
  const reached = Promise.withResolvers<void>();
  if (remaining.size === 0) reached.resolve();
  let atEnd = false;
  const fail = (error: Error) => {
    if (atEnd) options.onFatal?.(error);
    else reached.reject(error);
  };
  const subscribing = backend.subscribe({
    groupId: `${topic}-reader-${newId()}`,
    topics: [topic],
    concurrency: 1,
    bytesPerPartition: 1_048_576,
    async handle(batch, control) {
      for (const message of batch.messages) {
        if (control.lost.aborted) return;
        await options.onMessage(message, batch.partition);
      }
    },
    // Not by the offset of a message: the last ones may be gone, or be no messages at all.
    onProgress({ partition }, next) {
      if (next < (remaining.get(partition) ?? 0n)) return;
      remaining.delete(partition);
      if (remaining.size === 0) reached.resolve();
    },
    onFatal: fail,
  });
  let subscription: Subscription | undefined;
  try {
    [subscription] = await Promise.all([subscribing, reached.promise]);
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
  return { close: () => following.stop() };
}
