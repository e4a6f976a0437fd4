import { appendFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClickHouse } from '../clickhouse.ts';
import { openTemporaryClickHouse, temporaryDirectory } from '../testing/temporary-clickhouse.ts';
import { migrationsDirectory, readMigrations } from './files.ts';
import { migrate } from './migrate.ts';
import { clusterStatements, splitStatements } from './statements.ts';

let db: ClickHouse;
const folder = temporaryDirectory();
const options = { deployment: 'embedded', cluster: '', directory: folder } as const;
beforeAll(async () => {
  db = await openTemporaryClickHouse();
  cpSync(migrationsDirectory(), folder, { recursive: true });
});
afterAll(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

describe('migrate', () => {
  test('what is applied is not applied again', async () => {
    expect(await db.migrate()).toEqual({ applied: [], version: readMigrations(folder).length });
  });

  test('two at a time end in the same tables', async () => {
    await db.command('CREATE DATABASE IF NOT EXISTS other');
    await db.command('TRUNCATE TABLE migrations');
    await Promise.all([migrate(db, options), migrate(db, options)]);
    const [row] = await db.query<{ n: number }>('SELECT count() AS n FROM migrations FINAL');
    expect(row?.n).toBe(readMigrations(folder).length);
  });

  test('a new file is applied; rows already there stay', async () => {
    const next = readMigrations(folder).length + 1;
    const name = `${String(next).padStart(4, '0')}-language.sql`;
    writeFileSync(join(folder, name), 'ALTER TABLE texts ADD COLUMN IF NOT EXISTS language LowCardinality(String);\n');
    await db.insert('texts', [{ id: 'before', model: 'm', text: 'x', occurred_at: 0, source: '', attributes: {} }]);
    expect(await migrate(db, options)).toEqual({ applied: [name], version: next });
    expect(await db.query("SELECT id, language FROM texts FINAL WHERE id = 'before'")).toEqual([
      { id: 'before', language: '' },
    ]);
  });

  test('a database of a newer release is refused', async () => {
    await expect(db.migrate()).rejects.toMatchObject({ code: 'MIGRATION_AHEAD' });
  });

  test('a changed old file is refused by name', async () => {
    appendFileSync(join(folder, '0001-events.sql'), '\n-- changed\n');
    await expect(migrate(db, options)).rejects.toMatchObject({
      code: 'MIGRATION_CHANGED',
      message: expect.stringContaining('0001-events.sql'),
    });
  });

  test('a gap in the numbers is refused', () => {
    const gap = join(folder, 'gap');
    mkdirSync(gap);
    writeFileSync(join(gap, '0002-late.sql'), '');
    expect(() => readMigrations(gap)).toThrow('numbered without gaps');
  });
});

describe('statements', () => {
  test('semicolons in strings and comments do not split', () => {
    const text = "-- a; b\nSELECT ';', '\\';', `;` /* ; */ FROM t;\n\nSELECT 2 - 1\n";
    expect(splitStatements(text).map(({ sql }) => sql)).toEqual(["SELECT ';', '\\';', `;`  FROM t", 'SELECT 2 - 1']);
  });

  test('every statement of schemas/tables has a form on a cluster', () => {
    for (const { text } of readMigrations(migrationsDirectory())) {
      for (const statement of splitStatements(text)) {
        for (const sql of clusterStatements(statement, 'main')) expect(sql).toContain("ON CLUSTER 'main'");
      }
    }
  });

  test('a table becomes a replicated one and a distributed one over it', () => {
    const text = `-- cluster: shard by cityHash64(a)
CREATE TABLE IF NOT EXISTS t
(
    a String,
    v UInt64
)
ENGINE = ReplacingMergeTree(v)
ORDER BY a;
ALTER TABLE t ADD COLUMN IF NOT EXISTS b String;
ALTER TABLE t ADD COLUMN IF NOT EXISTS c String, MODIFY ORDER BY (a, c);
ALTER TABLE t ADD INDEX i b TYPE minmax;
CREATE VIEW IF NOT EXISTS w AS SELECT * FROM t FINAL;`;
    expect(splitStatements(text).flatMap((statement) => clusterStatements(statement, 'c'))).toEqual([
      `CREATE TABLE IF NOT EXISTS t_local ON CLUSTER 'c'
(
    a String,
    v UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', v)
ORDER BY a`,
      "CREATE TABLE IF NOT EXISTS t ON CLUSTER 'c' AS t_local ENGINE = Distributed('c', currentDatabase(), t_local, cityHash64(a))",
      "ALTER TABLE t_local ON CLUSTER 'c' ADD COLUMN IF NOT EXISTS b String",
      "ALTER TABLE t ON CLUSTER 'c' ADD COLUMN IF NOT EXISTS b String",
      "ALTER TABLE t_local ON CLUSTER 'c' ADD COLUMN IF NOT EXISTS c String, MODIFY ORDER BY (a, c)",
      "ALTER TABLE t_local ON CLUSTER 'c' ADD INDEX i b TYPE minmax",
      "CREATE VIEW IF NOT EXISTS w ON CLUSTER 'c' AS SELECT * FROM t FINAL",
    ]);
  });

  test('a table without a sharding expression is refused', () => {
    const statement = { sql: 'CREATE TABLE IF NOT EXISTS t (a String) ENGINE = MergeTree ORDER BY a' };
    expect(() => clusterStatements(statement, 'c')).toThrow('shard by');
  });
});
