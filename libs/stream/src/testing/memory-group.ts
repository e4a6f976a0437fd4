import { reasonOf } from '#libs/platform';
import type { BatchControl, PartitionId, PartitionOffsets, RawMessage, SubscribeOptions } from '../backend/backend.ts';
import { streamError } from '../errors.ts';

/** What groups and members need of the broker. */
export interface GroupBroker {
  partitions(topic: string): number;
  offsets(topic: string): PartitionOffsets[];
  read(topic: string, partition: number, from: bigint, limit: number): RawMessage[];
  group(groupId: string): MemoryGroup;
  readonly change: Promise<void>;
  changed(): void;
}

/** How long a handler may go on after its partition was asked back. */
const drainTimeout = 1000;
const batchMessages = 500;

/** A consumer group: committed offsets, and members that share the partitions. */
export class MemoryGroup {
  readonly #broker: GroupBroker;
  readonly #members: MemoryMember[] = [];
  readonly #committed = new Map<string, bigint>();
  #rebalancing: Promise<void> = Promise.resolve();

  constructor(broker: GroupBroker) {
    this.#broker = broker;
  }

  committedOf(topic: string): Map<number, bigint> {
    const numbers = Array.from({ length: this.#broker.partitions(topic) }, (_, partition) => partition);
    return new Map(numbers.map((partition) => [partition, this.#committed.get(`${topic}/${partition}`) ?? -1n]));
  }

  commit({ topic, partition }: PartitionId, offset: bigint): void {
    this.#committed.set(`${topic}/${partition}`, offset);
  }

  join(member: MemoryMember): Promise<void> {
    return this.#rebalance(() => this.#members.push(member));
  }

  leave(member: MemoryMember): Promise<void> {
    return this.#rebalance(() => {
      const index = this.#members.indexOf(member);
      if (index >= 0) this.#members.splice(index, 1);
    }, member);
  }

  #rebalance(change: () => void, leaving?: MemoryMember): Promise<void> {
    const before = this.#rebalancing;
    this.#rebalancing = (async () => {
      await before;
      await Promise.all([...this.#members, ...(leaving === undefined ? [] : [leaving])].map((m) => m.release()));
      change();
      for (const [index, member] of this.#members.entries()) {
        const all = member.topics.flatMap((topic) =>
          Array.from({ length: this.#broker.partitions(topic) }, (_, partition) => ({ topic, partition })),
        );
        member.assign(all.filter((_, i) => i % this.#members.length === index));
      }
    })();
    return this.#rebalancing;
  }
}

/** One consumer. Handles its partitions side by side, each in order. */
export class MemoryMember {
  readonly #broker: GroupBroker;
  readonly #options: SubscribeOptions;
  #draining = new AbortController();
  #loops: Promise<void>[] = [];
  #paused = false;
  #assignments = 0;

  constructor(broker: GroupBroker, options: SubscribeOptions) {
    this.#broker = broker;
    this.#options = options;
  }

  get groupId(): string {
    return this.#options.groupId;
  }

  get topics(): readonly string[] {
    return this.#options.topics;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#broker.changed();
  }

  async release(): Promise<void> {
    this.#draining.abort();
    this.#broker.changed();
    await Promise.all(this.#loops);
    this.#loops = [];
  }

  assign(partitions: PartitionId[]): void {
    this.#draining = new AbortController();
    this.#assignments++;
    this.#options.onAssigned?.(partitions);
    this.#loops = partitions.map((id) => this.#consume(id, this.#draining.signal));
  }

  async #consume(id: PartitionId, draining: AbortSignal): Promise<void> {
    const group = this.#broker.group(this.groupId);
    let next = group.committedOf(id.topic).get(id.partition) ?? -1n;
    if (this.#assignments === 1) next = this.#options.startAt?.(id) ?? next;
    while (!draining.aborted) {
      const { low } = this.#offsets(id);
      if (next < low) {
        if (next >= 0n) this.#options.onReset?.(id);
        next = low;
      }
      const messages = this.#paused ? [] : this.#broker.read(id.topic, id.partition, next, batchMessages);
      const last = messages.at(-1);
      if (last === undefined) {
        await this.#broker.change;
        continue;
      }
      const { resolved, failure } = await this.#handle(id, messages, draining);
      if (resolved !== undefined) group.commit(id, (next = resolved + 1n));
      if (failure === undefined) this.#options.onProgress?.(id, last.offset + 1n);
      else if (draining.aborted) return;
      else return this.#options.onFatal(streamError('CONSUMER_FAILED', { detail: reasonOf(failure), cause: failure }));
    }
  }

  async #handle(id: PartitionId, messages: RawMessage[], draining: AbortSignal) {
    const lost = new AbortController();
    let resolved: bigint | undefined;
    const control: BatchControl = {
      draining,
      lost: lost.signal,
      resolve: (offset) => (resolved = offset),
      fence: async () => {
        if (lost.signal.aborted) throw streamError('CONSUMER_FENCED');
      },
    };
    const over = Promise.withResolvers<unknown>();
    draining.addEventListener('abort', () =>
      setTimeout(() => over.resolve(streamError('CONSUMER_DRAINING')), drainTimeout).unref(),
    );
    const batch = { ...id, highWatermark: this.#offsets(id).high, messages };
    const handled = this.#options.handle(batch, control).then(
      () => void (resolved = messages.at(-1)?.offset),
      (error: unknown) => error,
    );
    const failure = await Promise.race([handled, over.promise]);
    lost.abort();
    return { resolved, failure };
  }

  #offsets({ topic, partition }: PartitionId) {
    const { low, high } = this.#broker.offsets(topic)[partition] ?? { low: 0n, high: 0n };
    return { low, high };
  }
}
