import { BatchWriter, type ClickHouse, toRow } from '#libs/clickhouse';
import { topics } from '#libs/events';
import type { StoredDeadLetter, Stream } from '#libs/stream';

/**
 * Mirrors the dead-letter topics into table dead_letters, without the original bytes: what failed, where and why, for
 * SQL. Read from the beginning at every start: the topics are short, and a row written again is the same row.
 */
export async function followDeadLetters(stream: Stream, clickhouse: ClickHouse): Promise<{ close(): Promise<void> }> {
  const writer = new BatchWriter(clickhouse, 'dead_letters', { maximumDelay: 100 });
  const withDeadLetters = Object.values(topics).filter(({ deadLetter }) => deadLetter);
  const readers = await Promise.all(
    withDeadLetters.map(({ topic }) => stream.deadLetters.follow(topic, (letter) => writer.write([rowOf(letter)]))),
  );
  return {
    async close() {
      await Promise.all(readers.map((reader) => reader.close()));
      await writer.flush();
    },
  };
}

function rowOf({ key, value, schemaId, offset, ...letter }: StoredDeadLetter) {
  const record = {
    ...letter,
    offset: Number(offset),
    key: key?.toString('utf8') ?? '',
    valueBytes: value?.length ?? 0,
    schemaId: schemaId ?? null,
  };
  return toRow('dead_letters', record, { partition: letter.partition, offset });
}
