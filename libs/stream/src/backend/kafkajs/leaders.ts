import type { Message, PartitionMetadata } from 'kafkajs';
import type { OutgoingMessage } from '../backend.ts';

/** `leader`: the broker that its request is for; kafkajs hands the partitioner this very object. */
export type RoutedMessage = Message & { partition?: number; leader?: number };

export interface RoutedTopic {
  topic: string;
  messages: RoutedMessage[];
}

export const leadersMoved = 'a request is divided anew: its partitions are not led by one broker';

/** Thrown before anything of the request has left. */
export class LeadersMoved extends Error {
  constructor() {
    super(leadersMoved);
  }
}

type Choose = (message: OutgoingMessage, partitions: number) => number;

/**
 * Keeps every request with one broker. kafkajs repeats a request of several by brokers that have not answered yet: where
 * the leader of a partition moved to one that has, its records are never sent and acknowledged all the same; what is still
 * under way is sent a second time.
 */
export class Leaders {
  readonly #choose: Choose;
  readonly #known = new Map<string, { metadata: PartitionMetadata[]; leaders: Map<number, number> }>();

  constructor(choose: Choose) {
    this.#choose = choose;
  }

  /** kafkajs asks this for each message right before it looks its leader up in the same metadata. */
  readonly partitioner = ({
    topic,
    partitionMetadata,
    message,
  }: {
    topic: string;
    partitionMetadata: PartitionMetadata[];
    message: RoutedMessage;
  }): number => {
    if (this.#known.get(topic)?.metadata !== partitionMetadata) {
      const leaders = new Map(partitionMetadata.map(({ partitionId, leader }) => [partitionId, leader]));
      this.#known.set(topic, { metadata: partitionMetadata, leaders });
    }
    const leader = message.leader;
    this.#route(topic, message);
    if (message.partition === undefined || message.leader !== leader) throw new LeadersMoved();
    return message.partition;
  };

  /** One request a broker; one a topic that has never been written to. */
  divide(batch: readonly RoutedTopic[]): RoutedTopic[][] {
    const requests = new Map<number | string, Map<string, RoutedMessage[]>>();
    for (const { topic, messages } of batch) {
      for (const message of messages) {
        this.#route(topic, message);
        const to = message.leader ?? topic;
        let request = requests.get(to);
        if (request === undefined) requests.set(to, (request = new Map()));
        const same = request.get(topic);
        if (same === undefined) request.set(topic, [message]);
        else same.push(message);
      }
    }
    return [...requests.values()].map((request) => [...request].map(([topic, messages]) => ({ topic, messages })));
  }

  /** The partition is chosen once, so that a retry goes to the same one. */
  #route(topic: string, message: RoutedMessage): void {
    const known = this.#known.get(topic);
    if (known === undefined) return;
    message.partition ??= this.#choose({ key: message.key ?? null, value: null }, known.metadata.length);
    const leader = known.leaders.get(message.partition);
    if (leader !== undefined) message.leader = leader;
  }
}
