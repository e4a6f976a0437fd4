import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { silentLogger, TidemillError } from '#libs/platform';
import { type ClickHouse, openClickHouse } from '#libs/clickhouse';
import { embeddedSettings, temporaryDirectory } from '../../libs/clickhouse/src/testing/temporary-clickhouse.ts';

const dataDirectory = temporaryDirectory();
const opened: ClickHouse[] = [];
afterEach(() => opened.pop()?.close());
afterAll(() => rmSync(dataDirectory, { recursive: true, force: true }));

function start(mode: string, from = 0): ChildProcess {
  const entry = join(import.meta.dirname, 'clickhouse-insert-for-ever.ts');
  return fork(entry, [dataDirectory, mode, String(from)], { execArgv: ['--conditions=tidemill-source'], silent: true });
}

/** Lets the child insert until it has acknowledged `batches`, kills it, and returns the last acknowledged batch. */
async function killAfter(child: ChildProcess, batches: number): Promise<number> {
  let last = -1;
  let seen = 0;
  child.on('message', (batch) => {
    last = Number(batch);
    seen += 1;
    if (seen === batches) child.kill('SIGKILL');
  });
  await once(child, 'exit');
  return last;
}

async function open(lockPatience: number): Promise<ClickHouse> {
  const db = await openClickHouse(embeddedSettings, { dataDirectory, logger: silentLogger, lockPatience });
  opened.push(db);
  return db;
}

describe('the embedded engine', () => {
  test('kill -9 during inserts loses no acknowledged batch and leaves no part of one', async () => {
    const acknowledged: number[] = [];
    let from = 0;
    for (const batches of [3, 11, 20]) {
      const last = await killAfter(start('insert', from), batches);
      for (let batch = from; batch <= last; batch += 1) acknowledged.push(batch);
      // The batch under way may have been stored without being acknowledged.
      from = last + 2;
    }
    const db = await open(5000);
    const rows = await db.query<{ batch: number; n: number }>(
      "SELECT toInt32(source) AS batch, count() AS n FROM texts FINAL WHERE model = 'killed' GROUP BY batch",
    );
    const stored = new Map(rows.map((row) => [row.batch, row.n]));
    expect(acknowledged.length).toBeGreaterThanOrEqual(34);
    expect(acknowledged.filter((batch) => stored.get(batch) !== 1000)).toEqual([]);
    expect([...stored.values()].filter((n) => n !== 1000)).toEqual([]);
  });

  test('a second process on the directory is refused with the first one named', async () => {
    const child = start('insert', 10_000);
    await once(child, 'message');
    const error = await open(0).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(TidemillError);
    expect(error).toMatchObject({
      code: 'CLICKHOUSE_DIRECTORY_IN_USE',
      message: expect.stringContaining(`process ${child.pid}`),
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  test('a directory that is given free meanwhile is taken', async () => {
    const child = start('insert', 20_000);
    await once(child, 'message');
    const opening = open(20_000);
    child.kill('SIGKILL');
    const db = await opening;
    await expect(db.ping()).resolves.toBeUndefined();
  });

  test('an uncaught exception during a statement can be ended in order', async () => {
    const child = start('throw');
    const [code, signal] = await once(child, 'exit');
    expect({ code, signal }).toEqual({ code: 7, signal: null });
    const db = await open(5000);
    const [row] = await db.query<{ n: number }>("SELECT count() % 1000 AS n FROM texts FINAL WHERE model = 'killed'");
    expect(row?.n).toBe(0);
  });

  test('closed is closed: what runs is ended, what comes is refused, twice is once', async () => {
    const db = await open(5000);
    const running = db.query('SELECT sum(sipHash64(number)) AS s FROM numbers(100000000000)').catch((e: unknown) => e);
    const unread = db.stream('SELECT number FROM numbers(100000000)')[Symbol.asyncIterator]();
    await unread.next();
    await Promise.all([db.close(), db.close()]);
    expect(await running).toMatchObject({ type: 'QUERY_WAS_CANCELLED' });
    await expect(db.query('SELECT 1')).rejects.toMatchObject({ code: 'CLICKHOUSE_CLOSED' });
    const rest = async () => {
      for (;;) if ((await unread.next()).done === true) return;
    };
    await expect(rest()).rejects.toThrow(Error);
    const again = await open(0);
    await expect(again.ping()).resolves.toBeUndefined();
  });
});
