import { join, resolve } from 'node:path';
import {
  type ClickHouseClient,
  ClickHouseError,
  ClickHouseLogLevel,
  type ClickHouseSettings,
  createClient,
} from '@clickhouse/client';
import type { Configuration, Logger } from '#libs/platform';
import { reasonOf } from '#libs/platform';
import { runAnalystQuery } from './analyst/analyst-query.ts';
import type { ClickHouse, StatementOptions } from './clickhouse.ts';
import { embeddedConnection } from './embedded/connection.ts';
import { Engine } from './embedded/engine.ts';
import { checkedIdentifier } from './embedded/literals.ts';
import { clickhouseError } from './errors.ts';
import { migrate } from './migrations/migrate.ts';
import { statementSettings } from './settings.ts';
import { encodeRows } from './tables/rows.ts';

export interface OpenOptions {
  /** The product's data directory; the embedded engine lives in its folder `clickhouse`. */
  dataDirectory: string;
  logger: Logger;
  /** How long another process may still hold the directory, in milliseconds. */
  lockPatience?: number;
}

const queryBytes = 1024 ** 3;
const querySeconds = 60;

/**
 * Opens the embedded engine when `settings.url` is empty, else a client of that server.
 * @throws TidemillError CLICKHOUSE_DIRECTORY_IN_USE
 */
export async function openClickHouse(settings: Configuration['clickhouse'], options: OpenOptions): Promise<ClickHouse> {
  const database = checkedIdentifier(settings.database);
  const embedded = settings.url === '';
  const memoryBytes = settings.embeddedMemoryMegabytes * 1024 ** 2;
  const engine = embedded
    ? await Engine.open({
        directory: resolve(join(options.dataDirectory, 'clickhouse')),
        memoryBytes,
        lockPatience: options.lockPatience ?? 5000,
        logger: options.logger,
      })
    : undefined;
  const common = {
    database,
    clickhouse_settings: statementSettings({
      maximumSeconds: querySeconds,
      maximumBytes: embedded ? Math.min(queryBytes, memoryBytes) : queryBytes,
    }),
    request_timeout: (querySeconds + 10) * 1000,
    // Every error is thrown; the client would write it to the console as well.
    log: { level: ClickHouseLogLevel.OFF },
  };
  const client =
    engine === undefined
      ? createClient({ ...common, url: settings.url, username: settings.username, password: settings.password })
      : createClient({ ...common, connection: embeddedConnection(engine, database) });
  // USE needs the database; on a server, creating it is part of the migrations.
  await engine?.run({ database: 'default', settings: {}, params: {}, sql: createDatabase(database) });

  const guarded = async <T>(signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw asReachable(error, settings.url);
    }
  };
  const command: ClickHouse['command'] = (sql, params, { signal, settings: own } = {}) =>
    guarded(signal, async () => {
      await client.command({ query: sql, ...statement(params, signal, own) });
    });
  const query = <T>(sql: string, params?: Record<string, unknown>, { signal, settings: own }: StatementOptions = {}) =>
    guarded(signal, async () => {
      const result = await client.query({ query: sql, format: 'JSONEachRow', ...statement(params, signal, own) });
      return result.json<T>();
    });

  const insert: ClickHouse['insert'] = (table, rows) =>
    guarded(undefined, async () => {
      if (rows.length === 0) return;
      const { columns, values } = encodeRows(table, rows);
      await client.insert({ table: checkedIdentifier(table), columns, values, format: 'JSONCompactEachRow' });
    });

  const deployment = embedded ? 'embedded' : settings.cluster === '' ? 'server' : 'cluster';
  return {
    deployment,
    database,
    query,
    stream: (sql, params, streamOptions) => streamRows(client, sql, params, streamOptions),
    command,
    insert,
    migrate: async () => {
      if (!embedded) await guarded(undefined, () => createServerDatabase(settings));
      return migrate({ command, query, insert }, { deployment, cluster: settings.cluster });
    },
    analystQuery: (sql, { signal } = {}) =>
      guarded(signal, () => runAnalystQuery({ client, engine, database }, sql, signal)),
    ping: () =>
      guarded(undefined, async () => {
        const answer = await client.ping({ select: true });
        if (!answer.success) throw answer.error;
      }),
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function* streamRows<T>(
  client: ClickHouseClient,
  sql: string,
  params?: Record<string, unknown>,
  { signal, settings }: StatementOptions = {},
): AsyncGenerator<T> {
  const result = await client.query({ query: sql, format: 'JSONEachRow', ...statement(params, signal, settings) });
  try {
    for await (const rows of result.stream<T>()) for (const row of rows) yield row.json();
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error;
  } finally {
    result.close();
  }
}

function statement(params?: Record<string, unknown>, signal?: AbortSignal, settings?: ClickHouseSettings) {
  return {
    ...(params !== undefined && { query_params: params }),
    ...(signal !== undefined && { abort_signal: signal }),
    ...(settings !== undefined && { clickhouse_settings: settings }),
  };
}

function createDatabase(database: string, cluster = ''): string {
  const onCluster = cluster === '' ? '' : ` ON CLUSTER '${checkedIdentifier(cluster)}'`;
  return `CREATE DATABASE IF NOT EXISTS ${database}${onCluster}`;
}

/** Apart from the client of the product, which names the database in every request. */
async function createServerDatabase(settings: Configuration['clickhouse']): Promise<void> {
  const { url, username, password } = settings;
  await using client = createClient({ url, username, password, database: 'default' });
  await client.command({ query: createDatabase(settings.database, settings.cluster) });
}

/** What the server says stays as it is; not reaching it gets a name and a way out. */
function asReachable(error: unknown, url: string): unknown {
  if (url === '' || error instanceof ClickHouseError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!/^(ECONN|ENOTFOUND|EHOSTUNREACH|ETIMEDOUT|EPIPE|EAI_)/.test(code)) return error;
  return clickhouseError('CLICKHOUSE_UNREACHABLE', { detail: `${url}: ${reasonOf(error)}`, cause: error });
}
