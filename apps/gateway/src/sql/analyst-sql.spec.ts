import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ClickHouse } from '#libs/clickhouse';
import { openTemporaryClickHouse } from '../../../../libs/clickhouse/src/testing/temporary-clickhouse.ts';
import { AnalystSql } from './analyst-sql.ts';

let clickhouse: ClickHouse;
beforeAll(async () => (clickhouse = await openTemporaryClickHouse()));
afterAll(() => clickhouse.close());

/** One call of a function over one block: the engine looks at the time only after it, seconds later. */
const uninterruptible =
  "SELECT max(levenshteinDistance(repeat('a', 60000), repeat(toString(number), 30000))) FROM numbers(2)";
const long = 'SELECT count() FROM numbers(1000000000000)';

describe('AnalystSql', () => {
  it('answers in time although the engine cannot be stopped, and counts the query until it has ended', async () => {
    const analyst = new AnalystSql(clickhouse, 50);
    const asked = [analyst.run(uninterruptible), analyst.run(uninterruptible)];
    for (const answer of asked) await expect(answer).rejects.toMatchObject({ status: 422 });
    await expect(analyst.run('SELECT 1')).rejects.toMatchObject({ status: 429 });
    const again = await vi.waitFor(() => analyst.run('SELECT 1'), { timeout: 25_000 });
    expect(again.rows).toEqual([[1]]);
  });

  it('ends the query of somebody who has gone', async () => {
    const ended: unknown[] = [];
    const watched: ClickHouse = {
      ...clickhouse,
      analystQuery: (sql, options) => clickhouse.analystQuery(sql, options).finally(() => ended.push(sql)),
    };
    const analyst = new AnalystSql(watched);
    const gone = new AbortController();
    const asked = analyst.run(long, gone.signal);
    gone.abort(new Error('gone'));
    await expect(asked).rejects.toThrow('gone');
    await vi.waitFor(() => expect(ended).toEqual([long]), { timeout: 25_000 });
  });
});
