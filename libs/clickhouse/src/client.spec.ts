import { setTimeout as delay } from 'node:timers/promises';
import { ClickHouseError } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClickHouse } from './clickhouse.ts';
import { toRow } from './tables/rows.ts';
import { openTemporaryClickHouse } from './testing/temporary-clickhouse.ts';

let db: ClickHouse;
beforeAll(async () => (db = await openTemporaryClickHouse()));
afterAll(() => db.close());

const endless = 'SELECT sum(sipHash64(number)) AS s FROM numbers(100000000000) SETTINGS max_threads = 1';
const runningEndless = "SELECT count() AS n FROM system.processes WHERE query LIKE '%sipHash64(number)%numbers(1000%'";

async function untilRunning(count: number): Promise<void> {
  for (;;) {
    const [row] = await db.query<{ n: number }>(`${runningEndless} AND query NOT LIKE '%system.processes%'`);
    if (row?.n === count) return;
    await delay(10);
  }
}

describe('parameters', () => {
  test.each([
    "it's",
    'back\\slash\\',
    '\\N',
    'a\\nb',
    'tab\tnew\nline\r',
    'nul\0inside',
    '😀 שלום',
    "'; DROP TABLE texts; --",
    '{x:String}',
    '/* */ -- ',
    '',
  ])('%j comes back as it is', async (x) => {
    expect(await db.query('SELECT {x:String} AS x, length({x:String}) AS n', { x })).toEqual([
      { x, n: Buffer.byteLength(x) },
    ]);
  });

  test('arrays, maps, nulls, numbers and times keep their values', async () => {
    const params = { a: ["o'c", '\\'], m: { 'k\\': 1 }, n: null, i: 2n ** 63n, t: new Date(1_032_998_400_123) };
    const sql = `SELECT {a:Array(String)} AS a, {m:Map(String, UInt8)} AS m, {n:Nullable(String)} AS n,
      toString({i:UInt64}) AS i, {t:DateTime64(3, 'UTC')} AS t`;
    const expected = { a: params.a, m: params.m, n: null, i: '9223372036854775808', t: '2002-09-26T00:00:00.123Z' };
    expect(await db.query(sql, params)).toEqual([expected]);
  });

  test('a missing parameter is an error, even after a statement that had it', async () => {
    await db.query('SELECT {left:String} AS v', { left: 'over' });
    await expect(db.query('SELECT {left:String} AS v', {})).rejects.toThrow('left');
    await expect(db.query('SELECT {left:String} AS v', { right: 'x' })).rejects.toThrow('left');
  });

  test('many statements at a time do not mix their parameters', async () => {
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, x) =>
        db.query<{ x: number }>('SELECT {x:UInt32} + sum(number) * 0 AS x FROM numbers(100000)', { x }),
      ),
    );
    expect(answers.map(([row]) => row?.x)).toEqual(Array.from({ length: 64 }, (_, x) => x));
  });
});

describe('settings', () => {
  const blockSize = "SELECT getSetting('max_block_size') AS v";

  test('hold for their statement only', async () => {
    const [before] = await db.query<{ v: number }>(blockSize);
    expect(await db.query(blockSize, {}, { settings: { max_block_size: '77' } })).toEqual([{ v: 77 }]);
    expect(await db.query(blockSize)).toEqual([before]);
  });

  test('readonly does not stay', async () => {
    await expect(
      db.command('CREATE TABLE never (a Int8) ENGINE = Memory', {}, { settings: { readonly: '1' } }),
    ).rejects.toBeInstanceOf(ClickHouseError);
    await db.command('CREATE TABLE later (a Int8) ENGINE = Memory');
    await db.command('DROP TABLE later');
  });

  test('a value that ends in a backslash is a value', async () => {
    const settings = { log_comment: "x', max_block_size = '5\\" };
    expect(await db.query("SELECT getSetting('log_comment') AS v", {}, { settings })).toEqual([
      { v: settings.log_comment },
    ]);
  });

  test('a SET or USE of one statement is gone in the next', async () => {
    await db.command('SET max_block_size = 78');
    await db.command('USE default');
    expect(await db.query(`${blockSize}, currentDatabase() AS d`)).not.toEqual([{ v: 78, d: 'default' }]);
    expect(await db.query('SELECT currentDatabase() AS d')).toEqual([{ d: 'tidemill' }]);
  });

  test('a deduplication token does not swallow the next insert', async () => {
    await db.command(
      'CREATE TABLE tokens (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100',
    );
    const insert = (settings?: Record<string, string>) =>
      db.command('INSERT INTO tokens VALUES (1)', {}, settings === undefined ? {} : { settings });
    await insert({ insert_deduplication_token: 'once' });
    await insert({ insert_deduplication_token: 'twice' });
    await db.command('INSERT INTO tokens VALUES (2)');
    expect(await db.query('SELECT count() AS n FROM tokens')).toEqual([{ n: 3 }]);
  });
});

describe('errors', () => {
  test('are those of the client', async () => {
    const error = await db.query('SELECT nothing FROM nowhere').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ClickHouseError);
    expect(error).toMatchObject({ code: '60', type: 'UNKNOWN_TABLE' });
  });

  test('in the middle of a stream reach the reader', async () => {
    const read = async () => {
      let rows = 0;
      for await (const row of db.stream('SELECT throwIf(number = 300000) AS v FROM numbers(400000)')) {
        if (row !== undefined) rows += 1;
      }
      return rows;
    };
    await expect(read()).rejects.toMatchObject({ code: '395' });
  });

  test('time and memory of a statement are limited', async () => {
    await expect(db.query(endless, {}, { settings: { max_execution_time: 1 } })).rejects.toMatchObject({ code: '159' });
    const hungry = 'SELECT groupArray(number) AS a FROM numbers(100000000)';
    await expect(db.query(hungry, {}, { settings: { max_memory_usage: '50000000' } })).rejects.toMatchObject({
      code: '241',
    });
  });
});

describe('abort', () => {
  test('ends the statement in the engine', async () => {
    const abort = new AbortController();
    const query = db.query(endless, {}, { signal: abort.signal });
    const ended = query.catch((e: unknown) => e);
    await untilRunning(1);
    abort.abort(new Error('no longer wanted'));
    expect(await ended).toMatchObject({ message: 'no longer wanted' });
    await untilRunning(0);
  });

  test('of a waiting statement keeps it from starting', async () => {
    const running = new AbortController();
    const queries = Array.from({ length: 2 }, () =>
      db.query(endless, {}, { signal: running.signal }).catch((e: unknown) => e),
    );
    await untilRunning(2);
    const third = db.query(endless, {}, { signal: running.signal }).catch((e: unknown) => e);
    const waiting = new AbortController();
    const fourth = db.query('SELECT 1', {}, { signal: waiting.signal }).catch((e: unknown) => e);
    waiting.abort(new Error('not any more'));
    expect(await fourth).toMatchObject({ message: 'not any more' });
    await expect(db.query('SELECT 1', {}, { signal: AbortSignal.abort(new Error('never')) })).rejects.toThrow('never');
    running.abort();
    await Promise.all([...queries, third]);
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('a stream that is left early is ended', async () => {
    let rows = 0;
    for await (const _ of db.stream('SELECT number FROM numbers(100000000000)')) if ((rows += 1) >= 100_000) break;
    expect(rows).toBe(100_000);
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('inserts', () => {
  test('a column the table does not have is refused', async () => {
    await expect(db.insert('texts', [{ id: 'x', txet: 'y' }])).rejects.toMatchObject({
      code: 'CLICKHOUSE_ROW_INVALID',
    });
  });

  test('one bad row refuses its batch and nothing of it is stored', async () => {
    const good = { id: 'batch-1', model: 'm', text: '', occurred_at: 0, source: '', attributes: {} };
    await expect(db.insert('texts', [good, { ...good, occurred_at: 'yesterday' }])).rejects.toBeInstanceOf(
      ClickHouseError,
    );
    expect(await db.query("SELECT count() AS n FROM texts WHERE id = 'batch-1'")).toEqual([{ n: 0 }]);
  });

  test('one batch may reach into any number of months', async () => {
    const record = { model: 'months', text: '', source: '', attributes: {} };
    const rows = Array.from({ length: 400 }, (_, month) =>
      toRow('texts', { ...record, id: `month-${month}`, occurredAt: Date.UTC(1985, month, 1) }),
    );
    await db.insert('texts', rows);
    const sql = "SELECT count() AS n, uniqExact(_partition_id) AS p FROM texts FINAL WHERE model = 'months'";
    // 1985 to 1989 share one partition; 340 months from 1990 on have their own.
    expect(await db.query(sql)).toEqual([{ n: 400, p: 341 }]);
  });

  test('times before 1900 and after 2299 are moved to the ends', async () => {
    const record = { model: 'times', text: '', source: '', attributes: {} };
    const times = [-8.64e15, -2_208_988_800_001, -1, 0, 5, 10_413_792_000_000, 8.64e15];
    await db.insert(
      'texts',
      times.map((occurredAt, i) => toRow('texts', { ...record, id: `t${i}`, occurredAt })),
    );
    const rows = await db.query<{ at: string }>(
      "SELECT occurred_at AS at FROM texts FINAL WHERE model = 'times' ORDER BY id",
    );
    expect(rows.map((row) => row.at)).toEqual([
      '1900-01-01T00:00:00.000Z',
      '1900-01-01T00:00:00.000Z',
      '1969-12-31T23:59:59.999Z',
      '1970-01-01T00:00:00.000Z',
      '1970-01-01T00:00:00.005Z',
      '2299-12-31T23:59:59.999Z',
      '2299-12-31T23:59:59.999Z',
    ]);
  });

  test('ping answers', async () => {
    await expect(db.ping()).resolves.toBeUndefined();
  });
});
