import { type Clock, type Logger, type Metrics, reasonOf } from '#libs/platform';
import type { OutgoingMessage, RawProducer, TopicMessages } from '../backend/backend.ts';
import { asStreamError, streamError } from '../errors.ts';

export interface SerialProducerOptions {
  open(): Promise<RawProducer>;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  /** Longest wait for one acknowledgement, in milliseconds, before the producer is given up and made anew. */
  sendTimeout: number;
}

/** Where a record was written. */
export interface Written {
  partition: number;
  offset: bigint;
}

/** One call of `send`; when a part of it fails, the parts after it stay unsent, so that sending again keeps the order. */
interface Call {
  fence: (() => Promise<void>) | undefined;
  failure: Error | undefined;
}

interface Entry {
  topic: string;
  messages: OutgoingMessage[];
  bytes: number;
  call: Call;
  resolve(written: Written[]): void;
  reject(error: Error): void;
}

/** kafkajs groups messages by copying arrays, so that larger requests cost more a message, not less. */
const requestMessages = 500;
const requestBytes = 1_048_576;

/**
 * One send at a time, ever. kafkajs rolls its sequence back when a request fails; whatever is sent next then takes
 * that sequence, and the broker acknowledges it as a duplicate of what it has: acknowledged and lost. So sends wait for
 * each other (what waits is sent together), and a producer that has failed once is never used again.
 */
export class SerialProducer {
  readonly #options: SerialProducerOptions;
  readonly #queue: Entry[] = [];
  #producer: RawProducer | undefined;
  #draining: Promise<void> | undefined;
  #closed = false;

  constructor(options: SerialProducerOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the place of every message once all in-sync replicas have it. `fence` is called right before the
   * request; when it throws, nothing of this call is sent.
   * @throws TidemillError; after SEND_TIMED_OUT and BROKER_UNAVAILABLE the messages may have been written.
   */
  async send(topic: string, messages: OutgoingMessage[], fence?: () => Promise<void>): Promise<Written[]> {
    if (this.#closed) throw streamError('PRODUCER_CLOSED');
    const call: Call = { fence, failure: undefined };
    const parts = inParts(messages).map(
      (part) =>
        new Promise<Written[]>((resolve, reject) => {
          const fail = (error: Error) => reject((call.failure ??= error));
          this.#queue.push({ topic, ...part, call, resolve, reject: fail });
        }),
    );
    this.#draining ??= this.#drain();
    const results = await Promise.allSettled(parts);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  }

  /** Sends what waits, then disconnects; when the broker fails meanwhile, what still waits fails with it. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#draining;
    await this.#producer?.close();
    this.#producer = undefined;
  }

  async #drain(): Promise<void> {
    // Lets everything that was sent in the same turn of the event loop go together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const entries = takeRequest(this.#queue);
      const error = await this.#request(entries);
      if (error === undefined) continue;
      // Each request would wait for this broker as long as this one has, and the process for all of them.
      if (this.#closed && error.retriable) entries.push(...this.#queue.splice(0));
      // One bad record must not fail its companions: each on its own.
      if (error.retriable || entries.length === 1) for (const entry of entries) entry.reject(error);
      else for (const entry of entries) await this.#alone(entry);
    }
    this.#draining = undefined;
  }

  async #alone(entry: Entry): Promise<void> {
    const error = await this.#request([entry]);
    if (error !== undefined) entry.reject(error);
  }

  /**
   * Sends the entries that are let through in one request and settles them; on failure gives the producer up and returns
   * the error.
   */
  async #request(entries: Entry[]) {
    try {
      // Before the fence is asked: opening may take seconds.
      const producer = await this.#withDeadline(async () => (this.#producer ??= await this.#options.open()));
      const through = await admitted(entries);
      if (through.length === 0) return undefined;
      const offsets = await this.#withDeadline(() => producer.send(byTopic(through)));
      const next = new Map(offsets.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]));
      const placed = through.map(
        (entry) => [entry, entry.messages.map((message) => place(entry.topic, message, next))] as const,
      );
      for (const [entry, places] of placed) entry.resolve(places);
      return undefined;
    } catch (thrown) {
      const error = asStreamError(thrown);
      this.#options.logger.warn({ code: error.code, reason: reasonOf(error) }, 'a send failed; a new producer is made');
      this.#options.metrics.increment('tidemill_producers_recreated_total');
      const failed = this.#producer;
      this.#producer = undefined;
      // Not waited for: a dead socket may hold it for minutes.
      failed?.close().catch(() => undefined);
      return error;
    }
  }

  async #withDeadline<R>(request: () => Promise<R>): Promise<R> {
    const late = Promise.withResolvers<never>();
    const { sendTimeout } = this.#options;
    const timer = setTimeout(
      () => late.reject(streamError('SEND_TIMED_OUT', { detail: `${sendTimeout} ms` })),
      sendTimeout,
    );
    try {
      return await Promise.race([request(), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function inParts(messages: OutgoingMessage[]): { messages: OutgoingMessage[]; bytes: number }[] {
  const parts: { messages: OutgoingMessage[]; bytes: number }[] = [];
  let part = { messages: new Array<OutgoingMessage>(), bytes: 0 };
  for (const message of messages) {
    const bytes = (message.value?.length ?? 0) + (message.key?.length ?? 0);
    if (part.messages.length === requestMessages || (part.bytes > 0 && part.bytes + bytes > requestBytes)) {
      parts.push(part);
      part = { messages: [], bytes: 0 };
    }
    part.messages.push(message);
    part.bytes += bytes;
  }
  if (part.messages.length > 0) parts.push(part);
  return parts;
}

/** As many waiting entries as fit one request, at least one. */
function takeRequest(queue: Entry[]): Entry[] {
  let messages = 0;
  let bytes = 0;
  let taken = 0;
  for (const entry of queue) {
    messages += entry.messages.length;
    bytes += entry.bytes;
    if (taken > 0 && (messages > requestMessages || bytes > requestBytes)) break;
    taken++;
  }
  return queue.splice(0, taken);
}

async function admitted(entries: Entry[]): Promise<Entry[]> {
  const through: Entry[] = [];
  for (const entry of entries) {
    try {
      if (entry.call.failure !== undefined) throw entry.call.failure;
      await entry.call.fence?.();
      through.push(entry);
    } catch (error) {
      entry.reject(asStreamError(error));
    }
  }
  return through;
}

function byTopic(entries: Entry[]): TopicMessages[] {
  const topics = new Map<string, OutgoingMessage[]>();
  for (const { topic, messages } of entries) topics.set(topic, [...(topics.get(topic) ?? []), ...messages]);
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}

/** @throws TidemillError BROKER_UNAVAILABLE when the broker has said nothing of the partition */
function place(topic: string, { partition = 0 }: OutgoingMessage, next: Map<string, bigint>): Written {
  const key = `${topic}/${partition}`;
  const offset = next.get(key);
  if (offset === undefined) throw streamError('BROKER_UNAVAILABLE', { detail: `no acknowledgement for ${key}` });
  next.set(key, offset + 1n);
  return { partition, offset };
}
