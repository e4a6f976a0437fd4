import type { RecordOf, TopicName } from '#libs/events';
import type { RawBatch, RawHeaders, RawMessage } from '../backend/backend.ts';
import type { Reject } from '../codec/reject.ts';
import type { SchemaCodec } from '../codec/schema-codec.ts';

interface Envelope {
  /** Record key as UTF-8; null when there is none. */
  key: string | null;
  offset: bigint;
  /** Record time, epoch milliseconds. */
  timestamp: number;
  headers: RawHeaders;
  /** The bytes as they were read. */
  raw: RawMessage;
}

export interface AcceptedMessage<T extends TopicName> extends Envelope {
  ok: true;
  value: RecordOf<T>;
}

export interface RejectedMessage extends Envelope {
  ok: false;
  reject: Reject;
}

export type DecodedMessage<T extends TopicName> = AcceptedMessage<T> | RejectedMessage;

/** Consecutive records of one partition. */
export type DecodedBatch<T extends TopicName> = {
  [N in T]: {
    topic: N;
    partition: number;
    /** Offset after the newest record of the partition when the batch was fetched. */
    highWatermark: bigint;
    /** When the batch was handed over, epoch milliseconds. */
    fetchedAt: number;
    /** All records in offset order. */
    messages: DecodedMessage<N>[];
    /** Those of `messages` that could be decoded. */
    accepted: AcceptedMessage<N>[];
  };
}[T];

export function decodeMessage<T extends TopicName>(codec: SchemaCodec, topic: T, raw: RawMessage): DecodedMessage<T> {
  const decoded = codec.decode(topic, raw.value, raw.timestamp);
  const envelope = {
    key: raw.key === null ? null : raw.key.toString('utf8'),
    offset: raw.offset,
    timestamp: raw.timestamp,
    headers: raw.headers,
    raw,
  };
  return decoded.ok
    ? { ok: true, value: decoded.value, ...envelope }
    : { ok: false, reject: decoded.reject, ...envelope };
}

/** Decodes consecutive messages of `raw`. @throws TidemillError REGISTRY_UNAVAILABLE */
export async function decodeBatch<T extends TopicName>(
  codec: SchemaCodec,
  topic: T,
  { raw, messages, fetchedAt }: { raw: RawBatch; messages: RawMessage[]; fetchedAt: number },
): Promise<DecodedBatch<T>> {
  await codec.prepare(
    topic,
    messages.map(({ value }) => value),
  );
  return toBatch<T>(topic, {
    partition: raw.partition,
    highWatermark: raw.highWatermark,
    fetchedAt,
    messages: messages.map((message) => decodeMessage(codec, topic, message)),
  });
}

/** A batch of some of the messages of another. */
export function toBatch<T extends TopicName>(
  topic: T,
  parts: { partition: number; highWatermark: bigint; fetchedAt: number; messages: DecodedMessage<T>[] },
): DecodedBatch<T> {
  const accepted = parts.messages.filter((message) => message.ok);
  const batch: { topic: T; accepted: AcceptedMessage<T>[] } & typeof parts = { topic, ...parts, accepted };
  return batch;
}
