import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Label, Prediction, Text } from '#libs/events';
import type { ClickHouse } from '../clickhouse.ts';
import { readExamples } from '../testing/examples.ts';
import { openTemporaryClickHouse } from '../testing/temporary-clickhouse.ts';
import { type Coordinates, toRow, type TableRow } from './rows.ts';

let db: ClickHouse;
beforeAll(async () => (db = await openTemporaryClickHouse()));
afterAll(() => db.close());

function example<T>(examples: { name: string; record: T }[], name: string): T {
  const found = examples.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no example ${name}`);
  return found.record;
}
const text = (change: Partial<Text>): Text => ({ ...example(readExamples('texts'), 'ordinary'), ...change });
const label = (change: Partial<Label>): Label => ({ ...example(readExamples('labels'), 'ordinary'), ...change });
const prediction = (change: Partial<Prediction>): Prediction => ({
  ...example(readExamples('predictions'), 'ordinary'),
  ...change,
});

/** Every order of `items`; each is tried under a model name of its own. */
function orders<T>(items: T[]): T[][] {
  if (items.length <= 1) return [items];
  return items.flatMap((item, index) => orders(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

/** Inserts the rows one by one in every order and returns the distinct answers to `sql`. */
async function answersInEveryOrder(
  table: string,
  rows: (model: string) => TableRow[],
  sql: string,
): Promise<unknown[]> {
  const answers = new Set<string>();
  const suffix = `${table}-${Math.trunc(performance.now() * 1000)}`;
  for (const [index, order] of orders(rows('')).entries()) {
    const model = `${suffix}-${index}`;
    for (const row of order) await db.insert(table, [{ ...row, model }]);
    answers.add(JSON.stringify(await db.query(sql, { model })));
  }
  return [...answers].map((answer): unknown => JSON.parse(answer));
}

describe('texts', () => {
  test('replayed with shifted batch borders and out of order they count once', async () => {
    const rows = Array.from({ length: 20_000 }, (_, offset) =>
      toRow('texts', text({ id: `r-${offset}`, model: 'replay', occurredAt: 1e12 + offset * 60_000 }), {
        partition: offset % 4,
        offset,
      }),
    );
    const insertFrom = async (from: number, batch: number) => {
      for (let at = from; at < rows.length; at += batch) await db.insert('texts', rows.slice(at, at + batch));
    };
    await insertFrom(0, 2000);
    await insertFrom(12_345, 1777);
    await insertFrom(0, 4321);
    const sql =
      "SELECT count() AS n, uniqExact(id) AS ids, sum(kafka_offset) AS s FROM texts FINAL WHERE model = 'replay'";
    expect(await db.query(sql)).toEqual([{ n: 20_000, ids: 20_000, s: (20_000 * 19_999) / 2 }]);
  });

  test('a repeated id replaces the earlier text, also one of another month', async () => {
    const rows = (model: string) => [
      toRow('texts', text({ model, text: 'first', occurredAt: Date.UTC(2026, 0, 5) }), { partition: 0, offset: 1 }),
      toRow('texts', text({ model, text: 'second', occurredAt: Date.UTC(2026, 3, 5) }), { partition: 0, offset: 2 }),
      toRow('texts', text({ model, text: 'third', occurredAt: Date.UTC(2026, 1, 5) }), { partition: 0, offset: 3 }),
    ];
    const select = 'SELECT text FROM texts FINAL WHERE model = {model:String}';
    expect(await answersInEveryOrder('texts', rows, select)).toEqual([[{ text: 'third' }]]);
    // A condition on the month must not bring a replaced text back.
    const january = `${select} AND occurred_at < toDateTime64('2026-02-01', 3, 'UTC')`;
    expect(await answersInEveryOrder('texts', rows, january)).toEqual([[]]);
  });
});

describe('effective_labels', () => {
  const rows = (model: string) => [
    toRow('labels', label({ model, label: 'late', labelledAt: 3000, labeller: 'a' }), { partition: 0, offset: 1 }),
    toRow('labels', label({ model, label: 'early', labelledAt: 1000, labeller: 'b' }), { partition: 0, offset: 4 }),
    toRow('labels', label({ model, label: 'tie', labelledAt: 3000, labeller: 'c' }), { partition: 0, offset: 3 }),
    toRow('labels', label({ model, label: 'late', labelledAt: 3000, labeller: 'a' }), { partition: 0, offset: 0 }),
  ];

  test('the latest labelledAt counts, then the last produced, in any order of arrival', async () => {
    const sql = 'SELECT label, labeller FROM effective_labels WHERE model = {model:String}';
    expect(await answersInEveryOrder('labels', rows, sql)).toEqual([[{ label: 'tie', labeller: 'c' }]]);
  });

  test('all are kept, a repeated one once', async () => {
    const sql = 'SELECT label FROM labels FINAL WHERE model = {model:String} ORDER BY label';
    expect(await answersInEveryOrder('labels', rows, sql)).toEqual([
      [{ label: 'early' }, { label: 'late' }, { label: 'tie' }],
    ]);
  });
});

describe('effective_predictions', () => {
  const at = (offset: number): Coordinates => ({ partition: 0, offset });
  const sql = 'SELECT version, label, input_offset FROM effective_predictions WHERE model = {model:String}';

  test('of two answers to one record the one of the lower epoch counts', async () => {
    const rows = (model: string) => [
      toRow('predictions', prediction({ model, version: 1, epoch: 1, label: 'served' }), at(10)),
      toRow('predictions', prediction({ model, version: 2, epoch: 2, label: 'again' }), at(11)),
      toRow('predictions', prediction({ model, version: 3, epoch: 0, label: 'shadow', role: 'shadow' }), at(12)),
    ];
    const expected = [[{ version: 1, label: 'served', input_offset: 0 }]];
    expect(await answersInEveryOrder('predictions', rows, sql)).toEqual(expected);
    const other = `${sql} AND label = 'again'`;
    expect(await answersInEveryOrder('predictions', rows, other)).toEqual([[]]);
  });

  test('the answer to the latest record of a text counts', async () => {
    const rows = (model: string) => [
      toRow('predictions', prediction({ model, epoch: 1, label: 'old', inputOffset: 5 }), at(10)),
      toRow('predictions', prediction({ model, epoch: 2, label: 'new', inputOffset: 9, occurredAt: 1e12 }), at(11)),
      toRow('predictions', prediction({ model, epoch: 3, label: 'redelivered', inputOffset: 5 }), at(12)),
    ];
    const expected = [[{ version: 1, label: 'new', input_offset: 9 }]];
    expect(await answersInEveryOrder('predictions', rows, sql)).toEqual(expected);
  });

  test('the same epoch answering a record twice is one row, the first', async () => {
    const rows = (model: string) => [
      toRow('predictions', prediction({ model, inferredAt: 1e12 }), at(10)),
      toRow('predictions', prediction({ model, inferredAt: 1e12 + 1000 }), at(20)),
    ];
    const raw = 'SELECT kafka_offset FROM predictions FINAL WHERE model = {model:String}';
    expect(await answersInEveryOrder('predictions', rows, raw)).toEqual([[{ kafka_offset: 10 }]]);
  });
});

describe('labelled_predictions', () => {
  test('joins by model and text whichever came first', async () => {
    await db.insert('labels', [toRow('labels', label({ model: 'join', label: 'positive' }))]);
    await db.insert('predictions', [toRow('predictions', prediction({ model: 'join', label: 'negative' }))]);
    await db.insert('predictions', [toRow('predictions', prediction({ model: 'join', textId: 'unlabelled' }))]);
    const sql = "SELECT text_id, predicted_label, true_label, correct FROM labelled_predictions WHERE model = 'join'";
    expect(await db.query(sql)).toEqual([
      { text_id: 't-1001', predicted_label: 'negative', true_label: 'positive', correct: 0 },
    ]);
  });
});
