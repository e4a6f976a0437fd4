import kafkajs, { type Admin } from 'kafkajs';
import { asStreamError } from '../../errors.ts';
import type { BackendAdmin, TopicDescription } from '../backend.ts';
import { isPassing, whilePassing } from './passing.ts';

/** Configuration entries that topics apply and check look at. */
const configurationNames = ['cleanup.policy', 'retention.ms', 'max.message.bytes', 'min.insync.replicas'];

interface Connection {
  admin: Admin;
  /** Questions under way. */
  asking: number;
}

/** Administration over one connection that is made at the first question, and anew when a broker has failed. */
export class KafkaAdmin implements BackendAdmin {
  readonly #client: kafkajs.Kafka;
  #connection: Promise<Connection> | undefined;

  constructor(client: kafkajs.Kafka) {
    this.#client = client;
  }

  describeTopics(names: readonly string[]): Promise<TopicDescription[]> {
    return this.#ask(async (admin) => {
      const existing = new Set(await admin.listTopics());
      const wanted = names.filter((name) => existing.has(name));
      if (wanted.length === 0) return [];
      const { topics } = await admin.fetchTopicMetadata({ topics: wanted });
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
    });
  }

  async createTopics(topics: Parameters<BackendAdmin['createTopics']>[0]): Promise<void> {
    await this.#ask((admin) =>
      admin.createTopics({
        waitForLeaders: false,
        topics: topics.map(({ topic, partitions, replicationFactor, configuration }) => ({
          topic,
          numPartitions: partitions,
          replicationFactor,
          configEntries: Object.entries(configuration).map(([name, value]) => ({ name, value })),
        })),
      }),
    );
    // Not `waitForLeaders`, which gives up on a topic that the asked broker has not heard of yet.
    await this.#ask((admin) => admin.fetchTopicMetadata({ topics: topics.map(({ topic }) => topic) }));
  }

  async raisePartitions(topic: string, partitions: number): Promise<void> {
    await this.#ask((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] }));
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
    const connection = await this.#connection?.catch(() => undefined);
    this.#connection = undefined;
    await connection?.admin.disconnect();
  }

  #ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    return whilePassing(() => this.#askOnce(question));
  }

  async #askOnce<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const connecting = (this.#connection ??= this.#connect());
    const connection = await connecting;
    connection.asking++;
    try {
      return await question(connection.admin);
    } catch (error) {
      // kafkajs believes for five minutes what it knows of leaders, whatever they answer.
      if (isPassing(error) && this.#connection === connecting) this.#connection = undefined;
      throw error;
    } finally {
      connection.asking--;
      // Not under others that ask: kafkajs throws TypeErrors at them.
      if (connection.asking === 0 && this.#connection !== connecting)
        connection.admin.disconnect().catch(() => undefined);
    }
  }

  async #connect(): Promise<Connection> {
    const admin = this.#client.admin();
    try {
      await admin.connect();
      return { admin, asking: 0 };
    } catch (error) {
      this.#connection = undefined;
      // One of ours, so that it is not asked again: kafkajs has tried every broker several times.
      throw asStreamError(error);
    }
  }
}
