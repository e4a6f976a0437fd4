import type {
  OutgoingMessage,
  PartitionOffsets,
  RawHeaders,
  RawMessage,
  TopicDescription,
  TopicSpecification,
} from '../backend/backend.ts';
import { MemoryGroup } from './memory-group.ts';

interface MemoryTopic {
  configuration: Record<string, string>;
  partitions: { low: bigint; messages: RawMessage[] }[];
}

/** Topics and consumer groups of tests that need no Kafka. */
export class MemoryBroker {
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #groups = new Map<string, MemoryGroup>();
  #change = Promise.withResolvers<void>();
  #time = 0;

  create({ topic, partitions, configuration }: TopicSpecification): void {
    if (this.#topics.has(topic)) throw new Error(`topic ${topic} exists`);
    this.#topics.set(topic, { configuration, partitions: [] });
    this.raise(topic, partitions);
  }

  raise(topic: string, partitions: number): void {
    const found = this.#topic(topic);
    while (found.partitions.length < partitions) found.partitions.push({ low: 0n, messages: [] });
  }

  describe(names: readonly string[]): TopicDescription[] {
    return names.flatMap((topic) => {
      const found = this.#topics.get(topic);
      return found === undefined
        ? []
        : [{ topic, partitions: found.partitions.length, configuration: found.configuration }];
    });
  }

  partitions(topic: string): number {
    return this.#topic(topic).partitions.length;
  }

  offsets(topic: string): PartitionOffsets[] {
    return this.#topic(topic).partitions.map(({ low, messages }, partition) => ({
      partition,
      low,
      high: low + BigInt(messages.length),
    }));
  }

  offsetsAt(topic: string, time: number): Map<number, bigint> {
    const first = ({ low, messages }: MemoryTopic['partitions'][number]) =>
      messages.find(({ timestamp }) => timestamp >= time)?.offset ?? low + BigInt(messages.length);
    return new Map(this.#topic(topic).partitions.map((found, partition) => [partition, first(found)]));
  }

  append(topic: string, partition: number, { key, value, headers, timestamp }: OutgoingMessage): bigint {
    const { low, messages } = this.#partition(topic, partition);
    const offset = low + BigInt(messages.length);
    messages.push({
      key: key === null ? null : Buffer.from(key),
      value,
      headers: asBuffers(headers ?? {}),
      offset,
      timestamp: timestamp ?? ++this.#time,
    });
    return offset;
  }

  /** Records expire: the oldest one is then `low`. */
  expire(topic: string, partition: number, low: bigint): void {
    const found = this.#partition(topic, partition);
    found.messages.splice(0, Number(low - found.low));
    found.low = low;
  }

  read(topic: string, partition: number, from: bigint, limit: number): RawMessage[] {
    const { low, messages } = this.#partition(topic, partition);
    const start = Number(from - low);
    return messages.slice(start, start + limit);
  }

  group(groupId: string): MemoryGroup {
    let group = this.#groups.get(groupId);
    if (group === undefined) this.#groups.set(groupId, (group = new MemoryGroup(this)));
    return group;
  }

  /** Resolves when something was written or a member's state changed. */
  get change(): Promise<void> {
    return this.#change.promise;
  }

  changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }

  #topic(topic: string): MemoryTopic {
    const found = this.#topics.get(topic);
    if (found === undefined) throw new Error(`no topic ${topic}`);
    return found;
  }

  #partition(topic: string, partition: number) {
    const found = this.#topic(topic).partitions[partition];
    if (found === undefined) throw new Error(`no partition ${topic}-${partition}`);
    return found;
  }
}

/** As they come back from Kafka. */
function asBuffers(headers: RawHeaders): RawHeaders {
  const copy: RawHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    copy[name] = Array.isArray(value) ? value.map((one) => Buffer.from(one)) : Buffer.from(value ?? '');
  }
  return copy;
}
