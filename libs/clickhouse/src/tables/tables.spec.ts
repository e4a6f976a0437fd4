import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClickHouse } from '../clickhouse.ts';
import { readExamples, tableOf, topicNames } from '../testing/examples.ts';
import { openTemporaryClickHouse } from '../testing/temporary-clickhouse.ts';
import { fromRow, toRow, type TableRow } from './rows.ts';
import { coordinateColumns, tableColumns, type TableName } from './tables.ts';

let db: ClickHouse;
beforeAll(async () => (db = await openTemporaryClickHouse()));
afterAll(() => db.close());

const tableNames = Object.keys(tableColumns) as TableName[];

describe('columns', () => {
  test.each(tableNames)('%s has a column of the mapped type for every field of its record', async (table) => {
    const rows = await db.query<{ name: string; type: string }>(
      `SELECT name, type FROM system.columns
       WHERE database = currentDatabase() AND table = {table:String} AND default_kind != 'MATERIALIZED'
       ORDER BY position`,
      { table },
    );
    const actual = rows.map(({ name, type }) => [name, type.replaceAll(/LowCardinality\((\w+)\)/g, '$1')]);
    const expected = tableColumns[table].map(({ column, codec }) => [column, codec.type]);
    expect(actual).toEqual([...expected, [coordinateColumns[0], 'Int32'], [coordinateColumns[1], 'Int64']]);
  });

  test('every topic has its table', () => {
    expect(topicNames.map(tableOf)).toHaveLength(topicNames.length);
  });
});

describe('examples', () => {
  test.each(topicNames)('those of %s read back as they were written', async (topic) => {
    const table = tableOf(topic);
    const examples = readExamples(topic);
    expect(examples.length).toBeGreaterThan(2);
    for (const [offset, { name, record }] of examples.entries()) {
      // Alone in the table: examples that replace one another would.
      await db.command(`TRUNCATE TABLE ${table}`);
      await db.insert(table, [toRow(table, record, { partition: 3, offset: BigInt(offset) })]);
      const [row = {}] = await db.query<TableRow>(`SELECT * FROM ${table} FINAL`);
      expect({ name, record: fromRow(table, row) }).toEqual({ name, record: asStored(name, record) });
    }
  });

  test('infinite and undefined figures read back', async () => {
    const [example] = readExamples('drift-reports');
    if (example === undefined) throw new Error('no example');
    const record = { ...example.record, model: 'odd', expectedAccuracy: Number.NaN, predictedShares: { a: Infinity } };
    await db.insert('drift_reports', [toRow('drift_reports', record)]);
    const [row = {}] = await db.query<TableRow>("SELECT * FROM drift_reports FINAL WHERE model = 'odd'");
    expect(fromRow('drift_reports', row)).toEqual(record);
  });
});

/** What storing changes, and nothing else: lone surrogates, times out of range. */
function asStored(name: string, record: object): unknown {
  if (name === 'lone-surrogate') return { ...record, text: 'cut in the middle of an emoji: \uFFFD' };
  if (name === 'far-future') return { ...record, occurredAt: Date.UTC(2300, 0, 1) - 1 };
  return record;
}
