import { describe, expect, test, vi } from 'vitest';
import { BatchWriter } from './batch-writer.ts';
import type { TableRow } from './tables/rows.ts';

/** A table in memory whose inserts end when told to. */
function memoryTable() {
  const batches: { rows: number[]; end: (error?: Error) => void }[] = [];
  const insert = (_: string, rows: readonly TableRow[]) =>
    new Promise<void>((resolve, reject) => {
      const end = (error?: Error) => (error === undefined ? resolve() : reject(error));
      batches.push({ rows: rows.map((row) => Number(row['n'])), end });
    });
  return { batches, insert };
}
const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ n: from + i }));
const settled = (promise: Promise<unknown>) => {
  const state = { done: false };
  void promise.then(() => (state.done = true)).catch(() => (state.done = true));
  return state;
};

describe('BatchWriter', () => {
  test('a full batch goes at once, one at a time, and write waits for its rows', async () => {
    const table = memoryTable();
    const writer = new BatchWriter(table, 't', { maximumRows: 3, maximumDelay: 60_000 });
    const first = writer.write(rows(0, 5));
    const second = writer.write(rows(5, 6));
    const state = { first: settled(first), second: settled(second) };
    await vi.waitFor(() => expect(table.batches.map((batch) => batch.rows)).toEqual([[0, 1, 2]]));
    table.batches[0]?.end();
    await vi.waitFor(() =>
      expect(table.batches.map((batch) => batch.rows)).toEqual([
        [0, 1, 2],
        [3, 4, 5],
      ]),
    );
    expect(state).toEqual({ first: { done: false }, second: { done: false } });
    table.batches[1]?.end();
    await Promise.all([first, second]);
  });

  test('a batch that is not full goes after the delay', async () => {
    const table = memoryTable();
    const writer = new BatchWriter(table, 't', { maximumRows: 1000, maximumDelay: 5 });
    const written = writer.write(rows(0, 2));
    await vi.waitFor(() => expect(table.batches.map((batch) => batch.rows)).toEqual([[0, 1]]));
    table.batches[0]?.end();
    await written;
  });

  test('a failed insert fails the writes that had rows in it and no other', async () => {
    const table = memoryTable();
    const writer = new BatchWriter(table, 't', { maximumRows: 2, maximumDelay: 60_000 });
    const across = writer.write(rows(0, 3));
    const after = writer.write(rows(3, 4));
    await vi.waitFor(() => expect(table.batches).toHaveLength(1));
    table.batches[0]?.end(new Error('no space'));
    await vi.waitFor(() => expect(table.batches).toHaveLength(2));
    table.batches[1]?.end();
    await expect(across).rejects.toThrow('no space');
    await expect(after).resolves.toBeUndefined();
  });

  test('flush sends what waits', async () => {
    const table = memoryTable();
    const writer = new BatchWriter(table, 't', { maximumRows: 1000, maximumDelay: 60_000 });
    const written = writer.write(rows(0, 1));
    const flushed = writer.flush();
    await vi.waitFor(() => expect(table.batches).toHaveLength(1));
    table.batches[0]?.end();
    await Promise.all([written, flushed]);
    await writer.flush();
    await writer.write([]);
  });
});
