import type { RecordOf, TopicName } from '#libs/events';
import type { Logger } from '#libs/platform';
import type { Backend, RawHeaders, RawMessage } from '../backend/backend.ts';
import type { SchemaCodec } from '../codec/schema-codec.ts';
import type { Reject } from '../codec/reject.ts';
import { type LogReader, readLog, type ReadLogOptions } from './read-log.ts';

export interface LogRecord<T extends TopicName> {
  key: string | null;
  /** null: a tombstone, the key is gone. */
  value: RecordOf<T> | null;
  partition: number;
  offset: bigint;
  /** Record time, epoch milliseconds. */
  timestamp: number;
  headers: RawHeaders;
}

export interface ReadToEndOptions extends Pick<ReadLogOptions, 'from' | 'until'> {
  /** Go on with what is written later, until the reader is closed. */
  follow?: boolean;
  /** Instead of the log: what cannot be decoded. */
  onUnreadable?: (record: UnreadableRecord) => void;
}

export interface UnreadableRecord {
  partition: number;
  offset: bigint;
  /** Record time, epoch milliseconds. */
  timestamp: number;
  reject: Reject;
}

export interface ReadServices {
  backend: Backend;
  codec: SchemaCodec;
  topicPrefix: string;
  logger: Logger;
  onFatal: (error: Error) => void;
}

/**
 * Reads every record of a topic that is there now, in order per partition, then resolves; with `follow` the reader goes
 * on. Records that cannot be decoded are logged and left out. When `onRecord` throws, reading ends: before the end was
 * reached by rejecting, later by the service's `onFatal`.
 */
export function readToEnd<T extends TopicName>(
  { backend, codec, topicPrefix, logger, onFatal }: ReadServices,
  topic: T,
  onRecord: (record: LogRecord<T>) => Promise<void> | void,
  options: ReadToEndOptions = {},
): Promise<LogReader> {
  const { follow, from, until, onUnreadable } = options;
  return readLog(backend, topicPrefix + topic, {
    follow: follow === true,
    from,
    until,
    onFatal,
    async onMessage(message, partition) {
      const record = await decodeRecord(codec, topic, message);
      if ('code' in record) {
        const { offset, timestamp } = message;
        if (onUnreadable !== undefined) onUnreadable({ partition, offset, timestamp, reject: record });
        else logger.error({ topic, partition, offset: String(offset), ...record }, 'a record cannot be read');
        return;
      }
      await onRecord({
        key: message.key === null ? null : message.key.toString('utf8'),
        value: record.value,
        partition,
        offset: message.offset,
        timestamp: message.timestamp,
        headers: message.headers,
      });
    },
  });
}

async function decodeRecord<T extends TopicName>(codec: SchemaCodec, topic: T, { value, timestamp }: RawMessage) {
  if (value === null) return { value: null };
  await codec.prepare(topic, [value]);
  const decoded = codec.decode(topic, value, timestamp);
  return decoded.ok ? { value: decoded.value } : decoded.reject;
}
