import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClickHouse } from '../clickhouse.ts';
import { exampleRows } from '../testing/examples.ts';
import { openTemporaryClickHouse } from '../testing/temporary-clickhouse.ts';

let db: ClickHouse;
beforeAll(async () => {
  db = await openTemporaryClickHouse();
  await db.insert('texts', exampleRows('texts'));
});
afterAll(() => db.close());

const outfile = join(tmpdir(), 'tidemill-analyst-outfile');

describe('questions', () => {
  test('come back with columns and rows', async () => {
    expect(await db.analystQuery('SELECT count() AS n, min(occurred_at) AS first FROM texts FINAL -- all;')).toEqual({
      columns: [
        { name: 'n', type: 'UInt64' },
        { name: 'first', type: "DateTime64(3, 'UTC')" },
      ],
      rows: [[11, '1968-05-03T12:00:00.000Z']],
    });
  });

  test.each([
    'SELECT 1;',
    '/* why */ SELECT 1',
    'WITH t AS (SELECT id FROM texts) SELECT count() FROM t',
    'FROM texts SELECT id LIMIT 1',
    "SELECT * EXCEPT (text), COLUMNS('^at') FROM texts LIMIT 1 BY model",
    'SELECT model, count() FROM texts GROUP BY ALL ORDER BY 2 DESC',
    'SELECT id, row_number() OVER (PARTITION BY model ORDER BY id) FROM texts',
    'SELECT a FROM texts ARRAY JOIN mapKeys(attributes) AS a',
    'SELECT arrayMap(x -> x + 1, [1, 2]), CAST(1 AS String), 1::Float64, INTERVAL 1 DAY',
    'SELECT t.id FROM texts AS t INNER JOIN labels AS l ON l.text_id = t.id',
    'SELECT 1 UNION ALL SELECT 2',
    '(SELECT 1) INTERSECT (SELECT 1)',
    'SELECT toStartOfHour(occurred_at) AS h, count() FROM texts GROUP BY h ORDER BY h WITH FILL STEP 3600 LIMIT 5',
    'SELECT number FROM numbers(3)',
    'SELECT name FROM system.tables WHERE database = currentDatabase()',
    "SELECT 'file(''/etc/passwd'')' AS words",
    "SELECT kolmogorovSmirnovTest('two-sided')(number, number % 2) FROM numbers(100)",
  ])('%s is allowed', async (sql) => {
    await expect(db.analystQuery(sql)).resolves.toBeDefined();
  });
});

describe('everything else is refused', () => {
  test.each([
    // Files, network, processes
    "SELECT file('/etc/passwd')",
    "SELECT FILE('/etc/passwd')",
    'SELECT "file"(\'/etc/passwd\')',
    "SELECT file('/etc/passwd') FORMAT Null",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd')",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/passwd')",
    "WITH file AS f SELECT arrayMap(f, ['/etc/passwd'])",
    "WITH (x -> file(x)) AS f SELECT f('/etc/passwd')",
    'SELECT file(\'/etc/passwd\') AS "function_name: length"',
    'SELECT file(\'/etc/passwd\') AS "x, function_name: length, "',
    'SELECT file(\'/etc/passwd\') AS "x\nCONSTANT "',
    "SELECT (SELECT 1) IN (SELECT file('/etc/passwd'))",
    "SELECT 1 WHERE EXISTS (SELECT * FROM file('/etc/passwd', LineAsString))",
    "SELECT * FROM file('/etc/passwd', LineAsString)",
    "SELECT * FROM url('http://127.0.0.1:1/', LineAsString)",
    "SELECT * FROM s3('http://127.0.0.1:1/x', LineAsString)",
    "SELECT * FROM remote('127.0.0.1:1', system.one)",
    "SELECT * FROM executable('sh', 'TSV', 'a String')",
    "SELECT * FROM view(SELECT file('/etc/passwd'))",
    "SELECT * FROM values('a String', file('/etc/passwd'))",
    'SELECT * FROM `/etc/passwd`',
    'SELECT * FROM default.`/etc/passwd`',
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM merge('system', '.*')",
    'SELECT * FROM (EXPLAIN SELECT 1)',
    'SELECT * FROM {f:Identifier}',
    "SELECT hasColumnInTable('127.0.0.1:1', 'system', 'one', 'dummy')",
    "SELECT getServerSetting('max_server_memory_usage')",
    'SELECT hostName()',
    'SELECT sleep(3)',
    'SELECT * FROM system.processes',
    'SELECT * FROM information_schema.tables',
    // Writing and controlling
    `SELECT 1 INTO OUTFILE '${outfile}'`,
    'INSERT INTO texts (id) VALUES (1)',
    "INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a String') SELECT 'a'",
    'CREATE TABLE x (a Int8) ENGINE = Memory',
    'DROP TABLE texts',
    'ALTER TABLE texts DELETE WHERE 1',
    'SYSTEM STOP MERGES',
    'KILL QUERY WHERE 1 ASYNC',
    'SET readonly = 0',
    'USE system',
    "BACKUP DATABASE tidemill TO Disk('x', 'y')",
    // More than one, disguised
    'SELECT 1; DROP TABLE texts',
    'SELECT 1; SELECT 2',
    'SELECT 1 /* ; */; /* */ SYSTEM STOP MERGES --',
    'SELECT 1 PARALLEL WITH DROP TABLE texts',
    'SELECT 1 SETTINGS readonly = 0',
    'SELECT 1 SETTINGS max_execution_time = 0',
    'SELECT 1 FORMAT JSON',
    // Other statements
    'SHOW TABLES',
    'DESCRIBE TABLE texts',
    "DESCRIBE TABLE url('http://127.0.0.1:1/')",
    'EXPLAIN SELECT 1',
    '',
    'hello',
  ])('%s', async (sql) => {
    await expect(db.analystQuery(sql)).rejects.toThrow(Error);
  });

  test('and nothing of it happened', async () => {
    expect(existsSync(outfile)).toBe(false);
    expect(await db.query('SELECT count() AS n FROM texts FINAL')).toEqual([{ n: 11 }]);
    expect(await db.query("SELECT count() AS n FROM system.tables WHERE name = 'x'")).toEqual([{ n: 0 }]);
  });

  test('the reason is said', async () => {
    await expect(db.analystQuery("SELECT arrayMap(file, ['x'])")).rejects.toMatchObject({
      code: 'ANALYST_QUERY_REFUSED',
      message: 'the query is refused: file is not allowed',
    });
  });

  test.each(["repeat('x', 2000)", "repeat('\\0', 300)", 'repeat(toString(number % 10), 2000)'])(
    'a result of more than 16 MiB: %s',
    async (column) => {
      await expect(db.analystQuery(`SELECT ${column} FROM numbers(9999)`)).rejects.toThrow(/16 MiB|Limit for result/);
    },
  );

  test('more rows than are shown is an error that says so', async () => {
    await expect(db.analystQuery('SELECT number FROM numbers(100000)')).rejects.toMatchObject({
      type: 'TOO_MANY_ROWS_OR_BYTES',
    });
  });
});
