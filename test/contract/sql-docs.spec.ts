import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClickHouse } from '#libs/clickhouse';
import { toRow } from '#libs/clickhouse';
import { exampleRows, tableOf, topicNames } from '../../libs/clickhouse/src/testing/examples.ts';
import { openTemporaryClickHouse } from '../../libs/clickhouse/src/testing/temporary-clickhouse.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/sql.md'), 'utf8');
const questions = [...page.matchAll(/^## (.+)\n[\s\S]*?```sql\n([\s\S]+?)```/gm)].map(([, title = '', sql = '']) => ({
  title,
  sql,
}));

let db: ClickHouse;
beforeAll(async () => {
  db = await openTemporaryClickHouse();
  for (const topic of topicNames) await db.insert(tableOf(topic), exampleRows(topic));
  const deadLetter = {
    topic: 'texts',
    partition: 1,
    offset: 42,
    timestamp: Date.UTC(2026, 2, 2),
    key: 't-2000',
    valueBytes: 3,
    error: 'unknown schema id 9',
    reason: 'UNKNOWN_SCHEMA',
    stage: 'decode',
    attempts: 1,
    failedAt: Date.UTC(2026, 2, 2, 0, 0, 1),
    schemaId: 9,
  };
  await db.insert('dead_letters', [toRow('dead_letters', deadLetter, { partition: 0, offset: 0n })]);
});
afterAll(() => db.close());

describe('docs/sql.md', () => {
  test('has its questions, each under a heading', () => {
    expect(questions.length).toBeGreaterThanOrEqual(15);
    expect(page.match(/```sql/g)).toHaveLength(questions.length);
  });

  test.each(questions)('$title', async ({ sql }) => {
    const { columns, rows } = await db.analystQuery(sql);
    expect(columns.length).toBeGreaterThan(0);
    expect(rows.length).toBeGreaterThan(0);
  });
});
