import { clickhouseError } from '../errors.ts';

/** One statement of a migration file, with the sharding expression that a comment before it names. */
export interface Statement {
  sql: string;
  shardBy?: string | undefined;
}

/** A comment, a quoted string or identifier, a semicolon, or a run of anything else. */
const tokens = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\]|\\.|'')*'|`[^`]*`|"[^"]*"|;|[^;'"`/-]+|./g;

/** Splits a migration at its semicolons; comments are dropped, but for `-- cluster: shard by <expression>`. */
export function splitStatements(text: string): Statement[] {
  const statements: Statement[] = [];
  let sql = '';
  let shardBy: string | undefined;
  const end = () => {
    if (sql.trim() !== '') statements.push({ sql: sql.trim(), shardBy });
    sql = '';
    shardBy = undefined;
  };
  for (const [token] of text.matchAll(tokens)) {
    if (token === ';') end();
    else if (token.startsWith('--')) shardBy = /^-- cluster: shard by (.+)$/.exec(token.trim())?.[1] ?? shardBy;
    else if (!token.startsWith('/*')) sql += token;
  }
  end();
  return statements;
}

const createTable = /^CREATE TABLE IF NOT EXISTS (\w+)/;
const createView = /^CREATE (?:VIEW IF NOT EXISTS|OR REPLACE VIEW) (\w+)/;
const alterTable = /^ALTER TABLE (\w+)/;
const engine = /ENGINE = (\w*MergeTree)\(?([^)\n]*)\)?/;

/**
 * What one statement becomes on a cluster: the table itself is replicated under the name `<table>_local`, and a
 * Distributed table over it takes the plain name, so that every query stays as it is.
 * @throws TidemillError MIGRATION_INVALID for a statement that has no such form.
 */
export function clusterStatements(statement: Statement, cluster: string): string[] {
  const { sql, shardBy } = statement;
  const onCluster = `ON CLUSTER '${cluster}'`;
  const table = createTable.exec(sql)?.[1];
  if (table !== undefined) {
    if (shardBy === undefined) throw invalid(`${table} has no comment "-- cluster: shard by <expression>"`);
    if (!engine.test(sql)) throw invalid(`${table} is not of the MergeTree family`);
    const local = sql
      .replace(createTable, `CREATE TABLE IF NOT EXISTS ${table}_local ${onCluster}`)
      .replace(engine, (_, family: string, parameters: string) => {
        const paths = ["'/clickhouse/tables/{shard}/{database}/{table}'", "'{replica}'"];
        return `ENGINE = Replicated${family}(${[...paths, ...(parameters === '' ? [] : [parameters])].join(', ')})`;
      });
    const distributed =
      `CREATE TABLE IF NOT EXISTS ${table} ${onCluster} AS ${table}_local ` +
      `ENGINE = Distributed('${cluster}', currentDatabase(), ${table}_local, ${shardBy})`;
    return [local, distributed];
  }
  if (createView.test(sql)) return [sql.replace(createView, (head) => `${head} ${onCluster}`)];
  const altered = alterTable.exec(sql)?.[1];
  if (altered !== undefined) {
    const local = sql.replace(alterTable, `ALTER TABLE ${altered}_local ${onCluster}`);
    // The Distributed table has columns but neither keys, indexes nor data: a column of a key is added to it apart.
    const columnsOnly = /^ALTER TABLE \w+\s+(ADD|MODIFY|DROP|RENAME) COLUMN/.test(sql) && !/MODIFY ORDER BY/.test(sql);
    return columnsOnly ? [local, sql.replace(alterTable, (head) => `${head} ${onCluster}`)] : [local];
  }
  throw invalid(`this statement has no form on a cluster: ${sql.slice(0, 120)}`);
}

function invalid(detail: string): Error {
  return clickhouseError('MIGRATION_INVALID', { detail });
}
