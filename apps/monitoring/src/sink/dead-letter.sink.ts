import { BatchWriter, type ClickHouse, deadLetterRow } from '#libs/clickhouse';
import { topics } from '#libs/events';
import type { StoredDeadLetter, Stream } from '#libs/stream';

/** Letters on their way to the table before the reading waits for them. */
const maximumUnstored = 1000;

/**
 * Mirrors the dead-letter topics into table dead_letters, without the original bytes: what failed, where and why, for
 * SQL. Read from the beginning at every start, so that a row that could not be written comes again: it is the same row.
 */
export async function followDeadLetters(stream: Stream, clickhouse: ClickHouse): Promise<{ close(): Promise<void> }> {
  const writer = new BatchWriter(clickhouse, 'dead_letters', { maximumDelay: 100 });
  const withDeadLetters = Object.values(topics).filter(({ deadLetter }) => deadLetter);
  const readers = await Promise.all(
    withDeadLetters.map(({ topic }) => stream.deadLetters.follow(topic, mirror(writer))),
  );
  return {
    async close() {
      await Promise.all(readers.map((reader) => reader.close()));
      await writer.flush();
    },
  };
}

/**
 * Writes letters without waiting for each: the writer gathers what comes within its delay. A failure ends the reading at
 * the next letter.
 */
function mirror(writer: BatchWriter): (letter: StoredDeadLetter) => Promise<void> {
  let failure: { reason: unknown } | undefined;
  let unstored = 0;
  return async (letter) => {
    const stored = writer.write([deadLetterRow(letter)]).catch((reason: unknown) => void (failure ??= { reason }));
    if (++unstored === maximumUnstored) {
      await stored;
      unstored = 0;
    }
    if (failure !== undefined) throw failure.reason;
  };
}
