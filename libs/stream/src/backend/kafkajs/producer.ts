import kafkajs, { type RecordMetadata } from 'kafkajs';
import { createPartitioner } from '../../partitioner.ts';
import type { OutgoingMessage, RawHeaders, RawProducer, TopicMessages } from '../backend.ts';
import { Leaders, LeadersMoved, type RoutedMessage, type RoutedTopic } from './leaders.ts';
import { whilePassing } from './passing.ts';

/** From this many messages on, zstd saves more than its frame costs. */
const compressFrom = 8;

/** An idempotent producer. It refuses two sends at once: kafkajs would lose acknowledged messages. */
export async function openKafkaProducer(client: kafkajs.Kafka): Promise<RawProducer> {
  const leaders = new Leaders(createPartitioner());
  const producer = await whilePassing(() => connected(client, leaders));

  const request = (topicMessages: RoutedTopic[]) =>
    producer.sendBatch({
      acks: -1,
      compression: count(topicMessages) >= compressFrom ? kafkajs.CompressionTypes.ZSTD : kafkajs.CompressionTypes.None,
      topicMessages,
    });
  /** Requests to different brokers are for different partitions, so that they may be under way together. */
  const acknowledged = async (batch: RoutedTopic[]): Promise<RecordMetadata[]> => {
    const requests = leaders.divide(batch);
    const outcomes = await Promise.allSettled(requests.map(request));
    const unsent: RoutedTopic[] = [];
    const results: RecordMetadata[] = [];
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') results.push(...outcome.value);
      else if (outcome.reason instanceof LeadersMoved) unsent.push(...(requests[i] ?? []));
      else throw outcome.reason;
    }
    if (unsent.length > 0) results.push(...(await acknowledged(unsent)));
    return results;
  };

  let sending = false;
  return {
    async send(batch) {
      if (sending) throw new Error('an idempotent producer of kafkajs must have one send under way');
      const routed = batch.map(({ topic, messages }) => ({ topic, messages: messages.map(toKafka) }));
      sending = true;
      const results = await acknowledged(routed).finally(() => (sending = false));
      copyPartitions(routed, batch);
      return results.map((result) => ({
        topic: result.topicName,
        partition: result.partition,
        offset: BigInt(result.baseOffset ?? '-1'),
      }));
    },
    close: () => producer.disconnect(),
  };
}

async function connected(client: kafkajs.Kafka, leaders: Leaders): Promise<kafkajs.Producer> {
  const producer = client.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: () => leaders.partitioner,
  });
  try {
    await producer.connect();
    return producer;
  } catch (error) {
    producer.disconnect().catch(() => undefined);
    throw error;
  }
}

function count(batch: readonly RoutedTopic[]): number {
  return batch.reduce((sum, { messages }) => sum + messages.length, 0);
}

function toKafka({ key, value, headers, partition, timestamp }: OutgoingMessage): RoutedMessage {
  const message: RoutedMessage = { key, value };
  if (headers !== undefined) message.headers = withoutNulls(headers);
  if (partition !== undefined) message.partition = partition;
  if (timestamp !== undefined) message.timestamp = String(timestamp);
  return message;
}

/** kafkajs throws a TypeError on a header without value, which other clients may well send. */
function withoutNulls(headers: RawHeaders): Record<string, Buffer | string | (Buffer | string)[]> {
  const clean: Record<string, Buffer | string | (Buffer | string)[]> = {};
  for (const [name, value] of Object.entries(headers)) clean[name] = value ?? Buffer.alloc(0);
  return clean;
}

function copyPartitions(sent: readonly RoutedTopic[], batch: TopicMessages[]): void {
  for (const [t, { messages }] of batch.entries()) {
    for (const [m, message] of messages.entries()) message.partition = sent[t]?.messages[m]?.partition ?? 0;
  }
}
