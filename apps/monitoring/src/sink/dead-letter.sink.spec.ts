import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type ClickHouse, clickhouseError } from '#libs/clickhouse';
import { openTemporaryClickHouse } from '../../../../libs/clickhouse/src/testing/temporary-clickhouse.ts';
import { openMemoryStream } from '../../../../libs/stream/src/testing/memory-stream.ts';
import { followDeadLetters } from './dead-letter.sink.ts';

let clickhouse: ClickHouse;
beforeAll(async () => (clickhouse = await openTemporaryClickHouse()));
afterAll(() => clickhouse.close());

/** A stream with this many texts that nobody can read, all of them dead letters. */
async function withDeadLetters(count: number) {
  const memory = await openMemoryStream({ deadLetterLimits: { consecutive: 10_000, share: 1 } });
  const messages = Array.from({ length: count }, (_, i) => ({ key: `${i}`, value: Buffer.from(`junk ${i}`) }));
  await memory.stream.producer().sendRaw('texts', messages);
  const pipeline = await memory.stream.consume({ groupId: 'g', topics: ['texts'], handleBatch: async () => undefined });
  await vi.waitFor(async () => expect((await memory.stream.admin.groupLag('g', 'texts')).total).toBe(0));
  await pipeline.close();
  return memory;
}

it('stores thousands of dead letters with a few inserts', async () => {
  const { stream } = await withDeadLetters(3000);
  let inserts = 0;
  const counted: ClickHouse = {
    ...clickhouse,
    insert: (table, rows) => {
      inserts++;
      return clickhouse.insert(table, rows);
    },
  };
  const follower = await followDeadLetters(stream, counted);
  await follower.close();
  const [row] = await clickhouse.query<{ letters: string }>('SELECT count() AS letters FROM dead_letters FINAL');
  expect(Number(row?.letters)).toBe(3000);
  expect(inserts).toBeLessThan(20);
  await stream.close();
});

it('ends when they cannot be stored', async () => {
  const { stream } = await withDeadLetters(1500);
  const failing: ClickHouse = {
    ...clickhouse,
    insert: () => Promise.reject(clickhouseError('CLICKHOUSE_CLOSED')),
  };
  await expect(followDeadLetters(stream, failing)).rejects.toThrow(/./);
  await stream.close();
});
