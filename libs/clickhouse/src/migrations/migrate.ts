import type { ClickHouse, MigrationReport } from '../clickhouse.ts';
import { checkedIdentifier } from '../embedded/literals.ts';
import { clickhouseError } from '../errors.ts';
import { type Migration, migrationsDirectory, readMigrations } from './files.ts';
import { clusterStatements, splitStatements, type Statement } from './statements.ts';

export interface MigrationOptions {
  deployment: ClickHouse['deployment'];
  /** Cluster name when the deployment is a cluster. */
  cluster: string;
  /** Folder of the files; default: schemas/tables of this installation. */
  directory?: string;
}

const journal: Statement = {
  sql: `CREATE TABLE IF NOT EXISTS migrations
(
    version UInt32,
    name String,
    digest String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version`,
  shardBy: 'version',
};

/**
 * Applies the migrations that the database does not have yet, in order.
 *
 * Each statement can be run again (IF NOT EXISTS) and the journal row comes last, so that a crash between two of them,
 * or several services migrating at the same time, ends in the same tables.
 * @throws TidemillError MIGRATION_CHANGED, MIGRATION_AHEAD, MIGRATION_INVALID
 */
export async function migrate(
  db: Pick<ClickHouse, 'command' | 'query' | 'insert'>,
  options: MigrationOptions,
): Promise<MigrationReport> {
  const migrations = readMigrations(options.directory ?? migrationsDirectory());
  for (const sql of expand(journal, options)) await db.command(sql);
  const journalRows = await db.query<{ version: number; name: string; digest: string }>(
    'SELECT version, name, digest FROM migrations FINAL ORDER BY version',
  );
  const known = new Map(journalRows.map((row) => [row.version, row]));
  refuseChanged(migrations, known);
  const applied: string[] = [];
  for (const migration of migrations) {
    if (known.has(migration.version)) continue;
    const statements = splitStatements(migration.text).flatMap((statement) => expand(statement, options));
    for (const sql of statements) await db.command(sql);
    const { version, name, digest } = migration;
    await db.insert('migrations', [{ version, name, digest }]);
    applied.push(name);
  }
  return { applied, version: migrations.length };
}

function refuseChanged(
  migrations: readonly Migration[],
  known: ReadonlyMap<number, { name: string; digest: string }>,
): void {
  for (const [version, { name, digest }] of known) {
    const file = migrations[version - 1];
    if (file === undefined) throw clickhouseError('MIGRATION_AHEAD', { detail: name });
    if (file.digest !== digest) throw clickhouseError('MIGRATION_CHANGED', { detail: name });
  }
}

/** Embedded and server take the files as they are. */
function expand(statement: Statement, { deployment, cluster }: MigrationOptions): string[] {
  return deployment === 'cluster' ? clusterStatements(statement, checkedIdentifier(cluster)) : [statement.sql];
}
