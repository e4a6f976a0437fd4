import kafkajs, { type Admin } from 'kafkajs';
import { backOff } from '../../consume/back-off.ts';
import type { BackendAdmin, TopicDescription } from '../backend.ts';

/** Configuration entries that topics apply and check look at. */
const configurationNames = ['cleanup.policy', 'retention.ms', 'max.message.bytes'];

const attempts = 5;

/** Administration over one connection that is made at the first question. */
export class KafkaAdmin implements BackendAdmin {
  readonly #admin: Admin;
  #connected: Promise<void> | undefined;

  constructor(client: kafkajs.Kafka) {
    this.#admin = client.admin();
  }

  async describeTopics(names: readonly string[]): Promise<TopicDescription[]> {
    const admin = await this.#connect();
    const existing = new Set(await admin.listTopics());
    const wanted = names.filter((name) => existing.has(name));
    if (wanted.length === 0) return [];
    const { topics } = await this.#ask((asked) => asked.fetchTopicMetadata({ topics: wanted }));
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: wanted.map((name) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name,
        configNames: configurationNames,
      })),
    });
    const configurations = new Map(
      resources.map(({ resourceName, configEntries }) => [
        resourceName,
        Object.fromEntries(configEntries.map((entry) => [entry.configName, entry.configValue])),
      ]),
    );
    return topics.map(({ name, partitions }) => ({
      topic: name,
      partitions: partitions.length,
      configuration: configurations.get(name) ?? {},
    }));
  }

  async createTopics(topics: Parameters<BackendAdmin['createTopics']>[0]): Promise<void> {
    const admin = await this.#connect();
    await admin.createTopics({
      waitForLeaders: false,
      topics: topics.map(({ topic, partitions, replicationFactor, configuration }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor,
        configEntries: Object.entries(configuration).map(([name, value]) => ({ name, value })),
      })),
    });
    // Not `waitForLeaders`, which gives up on a topic that the asked broker has not heard of yet.
    await this.#ask((asked) => asked.fetchTopicMetadata({ topics: topics.map(({ topic }) => topic) }));
  }

  async raisePartitions(topic: string, partitions: number): Promise<void> {
    const admin = await this.#connect();
    await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
  }

  async offsets(topic: string) {
    const offsets = await this.#ask((admin) => admin.fetchTopicOffsets(topic));
    return offsets
      .map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }))
      .toSorted((a, b) => a.partition - b.partition);
  }

  async offsetsAt(topic: string, time: number): Promise<Map<number, bigint>> {
    const found = await this.#ask((admin) => admin.fetchTopicOffsetsByTimestamp(topic, time));
    return new Map(found.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  async committed(groupId: string, topic: string): Promise<Map<number, bigint>> {
    const [answer] = await this.#ask((admin) => admin.fetchOffsets({ groupId, topics: [topic] }));
    return new Map((answer?.partitions ?? []).map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  async close(): Promise<void> {
    if (this.#connected !== undefined) await this.#admin.disconnect();
  }

  async #connect(): Promise<Admin> {
    this.#connected ??= this.#admin.connect();
    try {
      await this.#connected;
    } catch (error) {
      this.#connected = undefined;
      throw error;
    }
    return this.#admin;
  }

  /** Asks again while leaders and coordinators are being found, as after a topic's creation or a broker's start. */
  async #ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const admin = await this.#connect();
      try {
        return await question(admin);
      } catch (error) {
        // kafkajs gives up at once on these.
        const passing = error instanceof kafkajs.KafkaJSProtocolError && error.retriable;
        if (!passing || attempt === attempts) throw error;
        await new Promise((resolve) => setTimeout(resolve, backOff(attempt)));
      }
    }
  }
}
