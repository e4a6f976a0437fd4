import { createPartitioner } from '../partitioner.ts';
import type {
  Backend,
  BackendAdmin,
  BaseOffset,
  OutgoingMessage,
  RawProducer,
  SubscribeOptions,
  Subscription,
  TopicMessages,
} from '../backend/backend.ts';
import { MemoryBroker } from './memory-broker.ts';
import { MemoryMember } from './memory-group.ts';

/** The backend port over a broker in memory; backends that share a broker see the same topics and groups. */
export class MemoryBackend implements Backend {
  readonly admin: BackendAdmin;
  readonly #broker: MemoryBroker;
  readonly #members = new Set<MemoryMember>();

  constructor(broker = new MemoryBroker()) {
    this.#broker = broker;
    this.admin = {
      describeTopics: (names) => Promise.resolve(broker.describe(names)),
      createTopics: async (topics) => {
        for (const topic of topics) broker.create(topic);
      },
      raisePartitions: async (topic, partitions) => broker.raise(topic, partitions),
      offsets: async (topic) => broker.offsets(topic),
      offsetsAt: async (topic, time) => broker.offsetsAt(topic, time),
      committed: async (groupId, topic) => broker.group(groupId).committedOf(topic),
    };
  }

  openProducer(): Promise<RawProducer> {
    const choose = createPartitioner();
    let closed = false;
    return Promise.resolve({
      send: async (batch: TopicMessages[]) => {
        if (closed) throw new Error('the producer is closed');
        return batch.flatMap(({ topic, messages }) => this.#append(topic, messages, choose));
      },
      close: async () => {
        closed = true;
      },
    });
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const member = new MemoryMember(this.#broker, options);
    this.#members.add(member);
    await this.#broker.group(options.groupId).join(member);
    return {
      pause: () => member.pause(),
      resume: () => member.resume(),
      stop: async () => {
        this.#members.delete(member);
        await this.#broker.group(options.groupId).leave(member);
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members].map((member) => this.#broker.group(member.groupId).leave(member)));
    this.#members.clear();
  }

  #append(topic: string, messages: OutgoingMessage[], choose: ReturnType<typeof createPartitioner>): BaseOffset[] {
    const base = new Map<number, bigint>();
    for (const message of messages) {
      const partition = choose(message, this.#broker.partitions(topic));
      const offset = this.#broker.append(topic, partition, message);
      if (!base.has(partition)) base.set(partition, offset);
    }
    this.#broker.changed();
    return [...base].map(([partition, offset]) => ({ topic, partition, offset }));
  }
}
