import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ClickHouseClientConfigOptions, ClickHouseSettings } from '@clickhouse/client';
import { newId } from '#libs/platform';
import { clickhouseError } from '../errors.ts';
import type { Engine, EngineRequest, InsertRequest } from './engine.ts';

/** The client's port; it is not exported by name. */
export type Connection = NonNullable<ClickHouseClientConfigOptions['connection']>;
type RequestParams = Parameters<Connection['query']>[0];

/** Formats whose chunks may be joined end to end; all others come whole. */
const streamable = new Set(['JSONEachRow', 'JSONCompactEachRow', 'CSV', 'TabSeparated', 'TSV', 'RowBinary', 'Native']);
const insertFormats = ['JSONEachRow', 'JSONCompactEachRow', 'CSV', 'TabSeparated'] as const;
const insertPattern = /^\s*INSERT\s+INTO\s+([\w.`]+)\s*(?:\(([^)]*)\))?\s*FORMAT\s+(\w+)\s*$/i;

/** Settings of the HTTP interface; the engine does not know them. */
const httpSettings =
  /^(wait_end_of_query|send_progress_in_http_headers|enable_http_compression|default_format|http_\w+)$/;

/**
 * The embedded engine behind `createClient({ connection })`: what runs against a server runs here too.
 * Users, roles and HTTP sessions do not exist and are refused.
 */
export function embeddedConnection(engine: Engine, database: string): Connection {
  const request = (params: RequestParams): EngineRequest => {
    refuseUnsupported(params);
    return {
      database,
      settings: settingTexts(params.clickhouse_settings),
      params: params.query_params ?? {},
      sql: params.query,
      signal: params.abort_signal,
    };
  };
  const result = (params: RequestParams) => ({
    query_id: params.query_id ?? newId(),
    response_headers: {},
    http_status_code: 200,
  });
  return {
    async query(params) {
      const chunks = isStreamable(params.query)
        ? await engine.stream(request(params))
        : [await engine.run(request(params))];
      return { ...result(params), stream: readable(chunks) };
    },
    async command(params) {
      await engine.run(request(params));
      return result(params);
    },
    async exec(params) {
      if (params.values !== undefined) {
        throw clickhouseError('CLICKHOUSE_UNSUPPORTED', { detail: 'exec with values; use insert' });
      }
      return { ...result(params), stream: readable([await engine.run(request(params))]) };
    },
    async insert(params) {
      const { values } = params;
      const body = typeof values === 'string' ? Buffer.from(values) : await buffer(values);
      await engine.insert(insertRequest(request(params), body));
      return result(params);
    },
    async ping() {
      try {
        await engine.run({ database, settings: {}, params: {}, sql: 'SELECT 1' });
        return { success: true };
      } catch (error) {
        return { success: false, error: error instanceof Error ? error : new Error(String(error)) };
      }
    },
    close: () => engine.close(),
  };
}

function isStreamable(sql: string): boolean {
  const format = /\bFORMAT\s+(\w+)\s*$/i.exec(sql)?.[1];
  return format !== undefined && streamable.has(format) && /^\s*\(*\s*(SELECT|WITH)\b/i.test(sql);
}

/** The client writes `INSERT INTO table (columns) FORMAT X`; the engine takes the parts and the body apart. */
function insertRequest(request: EngineRequest, body: Buffer): InsertRequest {
  const match = insertPattern.exec(request.sql);
  const format = insertFormats.find((name) => name === match?.[3]);
  if (match?.[1] === undefined || format === undefined) {
    throw clickhouseError('CLICKHOUSE_UNSUPPORTED', { detail: `an insert of this form: ${request.sql.slice(0, 200)}` });
  }
  const columns = match[2]?.split(',').map((name) => name.trim().replaceAll('`', '')) ?? [];
  return { ...request, table: match[1].replaceAll('`', ''), columns, format, body };
}

function settingTexts(settings: ClickHouseSettings = {}): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || httpSettings.test(name)) continue;
    texts[name] = typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
  }
  return texts;
}

function refuseUnsupported(params: RequestParams): void {
  for (const name of ['auth', 'role', 'session_id'] as const) {
    if (params[name] !== undefined) throw clickhouseError('CLICKHOUSE_UNSUPPORTED', { detail: name });
  }
}

/** A result may be closed unread; without a listener that would be an uncaught error. */
function readable(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Readable {
  const stream = Readable.from(chunks, { objectMode: false });
  stream.on('error', () => {});
  return stream;
}
