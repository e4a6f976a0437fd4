import { deadLetterTopic, type TopicName } from '#libs/events';
import type { Clock } from '#libs/platform';
import type { Backend, RawHeaders, RawMessage } from '../backend/backend.ts';
import { streamError } from '../errors.ts';
import { type LogReader, readLog } from '../read/read-log.ts';
import type { StreamProducer } from '../produce/stream-producer.ts';

/** A dead letter that is still open. */
export interface StoredDeadLetter {
  /** Offset in the dead-letter topic: its name for show, replay and drop. */
  id: bigint;
  /** Where it was first. */
  topic: string;
  partition: number;
  offset: bigint;
  /** Its time there, epoch milliseconds. */
  timestamp: number;
  error: string;
  reason: string;
  stage: string;
  attempts: number;
  failedAt: number;
  schemaId: number | undefined;
  /** Original bytes. */
  key: Buffer | null;
  value: Buffer | null;
  /** Original headers. */
  headers: RawHeaders;
}

export type Resolution = 'replayed' | 'dropped';

export interface DeadLetters {
  /** Open dead letters of a topic, oldest first. */
  list(topic: TopicName): Promise<StoredDeadLetter[]>;
  /** Hands over every dead letter of a topic from the oldest on, resolved or not, until the reader is closed. */
  follow(topic: TopicName, onLetter: (letter: StoredDeadLetter) => Promise<void>): Promise<LogReader>;
  /** @throws TidemillError DEAD_LETTER_UNKNOWN */
  show(topic: TopicName, id: bigint): Promise<StoredDeadLetter>;
  /** Writes the original bytes, key, headers and time back to the topic they came from. Returns how many. */
  replay(topic: TopicName, ids: readonly bigint[]): Promise<number>;
  /** Gives them up; their bytes stay in the dead-letter topic until its retention. Returns how many. */
  drop(topic: TopicName, ids: readonly bigint[]): Promise<number>;
}

export interface DeadLettersOptions {
  backend: Backend;
  producer: StreamProducer;
  topicPrefix: string;
  clock: Clock;
  /** Following has ended by itself. */
  onFatal: (error: Error) => void;
}

/**
 * A dead letter is open until a marker names it: a record without value in the same topic, with the headers
 * `dlq-resolution` (replayed or dropped), `dlq-resolves` (its offset) and `dlq-resolved-at`. So the topic itself is the
 * whole state, and who replayed what stays to be seen. A crash between replay and marker replays once more.
 */
export function createDeadLetters({ backend, producer, topicPrefix, clock, onFatal }: DeadLettersOptions): DeadLetters {
  const open = async (topic: TopicName) => {
    const letters = new Map<bigint, StoredDeadLetter>();
    await readLog(backend, topicPrefix + deadLetterTopic(topic), {
      onMessage(message) {
        const resolves = text(message.headers['dlq-resolves']);
        if (resolves === '') letters.set(message.offset, toDeadLetter(message));
        else letters.delete(BigInt(resolves));
      },
    });
    return letters;
  };
  const chosen = async (topic: TopicName, ids: readonly bigint[]) => {
    const letters = await open(topic);
    return ids.map((id) => {
      const letter = letters.get(id);
      if (letter === undefined) throw streamError('DEAD_LETTER_UNKNOWN', { detail: `${topic} ${id}` });
      return letter;
    });
  };
  const resolve = (topic: TopicName, ids: readonly bigint[], resolution: Resolution) =>
    producer.sendRaw(
      deadLetterTopic(topic),
      ids.map((id) => ({
        key: null,
        value: null,
        headers: {
          'dlq-resolution': resolution,
          'dlq-resolves': String(id),
          'dlq-resolved-at': String(clock.now()),
        },
      })),
    );
  return {
    list: async (topic) => [...(await open(topic)).values()],
    follow: (topic, onLetter) =>
      readLog(backend, topicPrefix + deadLetterTopic(topic), {
        follow: true,
        onFatal,
        async onMessage(message) {
          if (text(message.headers['dlq-resolves']) === '') await onLetter(toDeadLetter(message));
        },
      }),
    async show(topic, id) {
      const [letter] = await chosen(topic, [id]);
      if (letter === undefined) throw streamError('DEAD_LETTER_UNKNOWN', { detail: `${topic} ${id}` });
      return letter;
    },
    async replay(topic, ids) {
      const letters = await chosen(topic, ids);
      await producer.sendRaw(
        topic,
        letters.map(({ key, value, headers, timestamp, partition }) => ({
          key,
          value,
          headers,
          timestamp,
          // Without a key only the old partition keeps it near its neighbours.
          ...(key === null ? { partition } : {}),
        })),
      );
      await resolve(topic, ids, 'replayed');
      return letters.length;
    },
    async drop(topic, ids) {
      const letters = await chosen(topic, ids);
      await resolve(topic, ids, 'dropped');
      return letters.length;
    },
  };
}

function toDeadLetter({ key, value, headers, offset }: RawMessage): StoredDeadLetter {
  const schemaId = text(headers['dlq-schema-id']);
  return {
    id: offset,
    topic: text(headers['dlq-topic']),
    partition: Number(text(headers['dlq-partition'])),
    offset: BigInt(text(headers['dlq-offset'])),
    timestamp: Number(text(headers['dlq-timestamp'])),
    error: text(headers['dlq-error']),
    reason: text(headers['dlq-reason']),
    stage: text(headers['dlq-stage']),
    attempts: Number(text(headers['dlq-attempts'])),
    failedAt: Number(text(headers['dlq-failed-at'])),
    schemaId: schemaId === '' ? undefined : Number(schemaId),
    key,
    value,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('dlq-'))),
  };
}

/** A header as text; of several the last one, which is ours. */
function text(header: RawHeaders[string]): string {
  const value = Array.isArray(header) ? header.at(-1) : header;
  return value === undefined ? '' : value.toString();
}
