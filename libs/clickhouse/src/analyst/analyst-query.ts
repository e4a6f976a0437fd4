import type { ClickHouseClient, ClickHouseSettings, Row, StreamReadable } from '@clickhouse/client';
import type { Engine } from '../embedded/engine.ts';
import { clickhouseError } from '../errors.ts';
import { guardAnalystQuery } from './guard.ts';

export interface AnalystResult {
  columns: { name: string; type: string }[];
  /** Values in the order of `columns`; times as RFC 3339. */
  rows: unknown[][];
}

export interface AnalystAccess {
  client: ClickHouseClient;
  /** The embedded engine; undefined on a server. */
  engine: Engine | undefined;
  database: string;
}

/** Characters of JSON. */
const largestResult = 16 * 1024 ** 2;

const limits: ClickHouseSettings = {
  max_execution_time: 30,
  max_memory_usage: String(512 * 1024 ** 2),
  max_result_rows: '10000',
  max_result_bytes: String(largestResult),
  result_overflow_mode: 'throw',
  max_bytes_before_external_group_by: '0',
  max_bytes_before_external_sort: '0',
  max_ast_elements: '5000',
};

/**
 * Runs one SELECT of somebody who may read the tables and nothing else of the machine.
 *
 * On a server the same guard cannot run (its classifier is the embedded engine's), and need not: readonly=2 holds there,
 * and what the user may read is the server's business.
 * @throws TidemillError ANALYST_QUERY_REFUSED, ClickHouseError
 */
export async function runAnalystQuery(
  { client, engine, database }: AnalystAccess,
  sql: string,
  signal?: AbortSignal,
): Promise<AnalystResult> {
  if (engine !== undefined) {
    await guardAnalystQuery(
      {
        analyse: (text) => engine.analyse(text, database),
        explain: async (kind, text) => {
          const statement = `EXPLAIN ${kind} ${text}`;
          const settings = { readonly: '1' };
          const lines = await engine.run({ database, settings, params: {}, sql: statement, format: 'TabSeparatedRaw' });
          return Buffer.from(lines).toString().trimEnd().split('\n');
        },
      },
      sql,
    );
  }
  const result = await client.query({
    query: sql,
    format: 'JSONCompactEachRowWithNamesAndTypes',
    clickhouse_settings: { ...limits, readonly: engine === undefined ? '2' : '1' },
    ...(signal !== undefined && { abort_signal: signal }),
  });
  const [names, types, ...rows] = await boundedRows(result.stream<unknown[]>());
  if (names === undefined || types === undefined) {
    throw clickhouseError('ANALYST_QUERY_REFUSED', { detail: 'it has no result' });
  }
  return { columns: names.map((name, index) => ({ name: String(name), type: String(types[index]) })), rows };
}

/** The engine counts a column of one repeated value as one value, and a NUL as one byte of six: so it is counted here, too. */
async function boundedRows(blocks: StreamReadable<Row<unknown[]>[]>): Promise<unknown[][]> {
  const rows: unknown[][] = [];
  let characters = 0;
  for await (const block of blocks) {
    for (const row of block) {
      characters += row.text.length;
      if (characters > largestResult)
        throw clickhouseError('ANALYST_QUERY_REFUSED', { detail: 'its result is longer than 16 MiB' });
      rows.push(row.json());
    }
  }
  return rows;
}
