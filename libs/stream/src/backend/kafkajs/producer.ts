import kafkajs, { type Message } from 'kafkajs';
import { createPartitioner } from '../../partitioner.ts';
import type { OutgoingMessage, RawHeaders, RawProducer, TopicMessages } from '../backend.ts';

/** From this many messages on, zstd saves more than its frame costs. */
const compressFrom = 8;

type Chosen = Message & { partition?: number };

/** An idempotent producer. It refuses two sends at once: kafkajs would lose acknowledged messages. */
export async function openKafkaProducer(client: kafkajs.Kafka): Promise<RawProducer> {
  const choose = createPartitioner();
  const producer = client.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    // The choice is kept in the message: a retry goes to the same partition, and the sender learns it.
    createPartitioner:
      () =>
      ({ message, partitionMetadata }: { message: Chosen; partitionMetadata: unknown[] }) =>
        (message.partition ??= choose({ key: message.key ?? null, value: null }, partitionMetadata.length)),
  });
  await producer.connect();
  let sending = false;
  return {
    async send(batch) {
      if (sending) throw new Error('an idempotent producer of kafkajs must have one request in flight');
      const topicMessages = batch.map(({ topic, messages }) => ({ topic, messages: messages.map(toKafka) }));
      sending = true;
      const results = await producer
        .sendBatch({
          acks: -1,
          compression: count(batch) >= compressFrom ? kafkajs.CompressionTypes.ZSTD : kafkajs.CompressionTypes.None,
          topicMessages,
        })
        .finally(() => (sending = false));
      copyPartitions(topicMessages, batch);
      return results.map((result) => ({
        topic: result.topicName,
        partition: result.partition,
        offset: BigInt(result.baseOffset ?? '-1'),
      }));
    },
    close: () => producer.disconnect(),
  };
}

function count(batch: TopicMessages[]): number {
  return batch.reduce((sum, { messages }) => sum + messages.length, 0);
}

function toKafka({ key, value, headers, partition, timestamp }: OutgoingMessage): Chosen {
  const message: Chosen = { key, value };
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

function copyPartitions(sent: { messages: Chosen[] }[], batch: TopicMessages[]): void {
  for (const [t, { messages }] of batch.entries()) {
    for (const [m, message] of messages.entries()) message.partition = sent[t]?.messages[m]?.partition ?? 0;
  }
}
