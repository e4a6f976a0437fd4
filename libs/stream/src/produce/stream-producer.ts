import type { RecordOf, TopicName } from '#libs/events';
import { topics } from '#libs/events';
import type { OutgoingMessage, RawHeaders } from '../backend/backend.ts';
import type { SchemaCodec } from '../codec/schema-codec.ts';
import { streamError } from '../errors.ts';
import { maximumMessageBytes } from '../admin/topic-plan.ts';
import type { SerialProducer, Written } from './serial-producer.ts';

export interface RecordToSend<T extends TopicName> {
  /** Record key; unset keys spread over the partitions. */
  key: string | Buffer | null;
  /** null: a tombstone, on compacted topics. */
  value: RecordOf<T> | null;
  headers?: RawHeaders;
  /** Unset: Kafka's default partition of the key. */
  partition?: number;
  /** Epoch milliseconds; unset: now. */
  timestamp?: number;
}

export interface SendOptions {
  /** `control.fence` of the batch whose results these are: nothing leaves for a partition that may be lost. */
  fence?: () => Promise<void>;
}

export interface StreamProducer {
  /**
   * Encodes and sends; resolves with the place of each record, in order, once all in-sync replicas have them. Calls may
   * overlap: they wait for each other and travel together.
   * @throws TidemillError; retriable ones may have been written, so send again only what is idempotent by key.
   */
  send<T extends TopicName>(topic: T, records: readonly RecordToSend<T>[], options?: SendOptions): Promise<Written[]>;
  /** The same with bytes as they are, to any topic of the prefix. */
  sendRaw(topic: string, messages: readonly OutgoingMessage[], options?: SendOptions): Promise<Written[]>;
  /** Sends what waits, then disconnects; when the broker fails meanwhile, what still waits fails with it. */
  close(): Promise<void>;
}

export interface StreamProducerOptions {
  serial: SerialProducer;
  codec: SchemaCodec;
  topicPrefix: string;
  clientId: string;
  eventHeaders: EventHeaders;
}

/**
 * Which records carry CloudEvents headers. `control`: all but texts, labels and predictions, where reading and writing
 * five headers costs as much as everything else together.
 */
export type EventHeaders = 'all' | 'control' | 'none';

export function createStreamProducer(options: StreamProducerOptions): StreamProducer {
  const { serial, codec, topicPrefix } = options;
  const eventHeaders = createEventHeaders(options);
  return {
    async send(topic, records, options) {
      if (records.length === 0) return [];
      const encode = await codec.encoder(topic);
      const messages = records.map(({ key, value, headers, partition, timestamp }) => {
        const message: OutgoingMessage = {
          key,
          value: value === null ? null : encode(value),
        };
        const event = eventHeaders(topic, key);
        if (event !== undefined || headers !== undefined) message.headers = { ...event, ...headers };
        if (partition !== undefined) message.partition = partition;
        if (timestamp !== undefined) message.timestamp = timestamp;
        return message;
      });
      refuseTooLarge(topic, messages);
      return serial.send(topicPrefix + topic, messages, options?.fence);
    },
    async sendRaw(topic, messages, options) {
      if (messages.length === 0) return [];
      const copies = messages.map((message) => ({ ...message }));
      refuseTooLarge(topic, copies);
      return serial.send(topicPrefix + topic, copies, options?.fence);
    },
    close: () => serial.close(),
  };
}

const perText: ReadonlySet<TopicName> = new Set<TopicName>(['texts', 'labels', 'predictions']);

/** CloudEvents 1.0, Kafka binding, binary mode. */
function createEventHeaders({ clientId, eventHeaders }: StreamProducerOptions) {
  const version = Buffer.from('1.0');
  const source = Buffer.from(`/${clientId}`);
  const contentType = Buffer.from('application/avro');
  const types = new Map<TopicName, Buffer>();
  return (topic: TopicName, key: string | Buffer | null): RawHeaders | undefined => {
    if (eventHeaders === 'none' || (eventHeaders === 'control' && perText.has(topic))) return undefined;
    let type = types.get(topic);
    if (type === undefined) types.set(topic, (type = Buffer.from(`io.tidemill.${topics[topic].record}`)));
    return { ce_specversion: version, ce_source: source, ce_type: type, ce_id: key ?? '', 'content-type': contentType };
  };
}

function refuseTooLarge(topic: string, messages: readonly OutgoingMessage[]): void {
  for (const { key, value } of messages) {
    const bytes = (value?.length ?? 0) + (key?.length ?? 0);
    if (bytes > maximumMessageBytes - 65_536) {
      throw streamError('RECORD_TOO_LARGE', { detail: `${topic}: ${bytes} bytes, at most ${maximumMessageBytes}` });
    }
  }
}
