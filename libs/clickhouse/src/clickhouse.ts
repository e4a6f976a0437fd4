import type { ClickHouseSettings } from '@clickhouse/client';
import type { AnalystResult } from './analyst/analyst-query.ts';
import type { TableRow } from './tables/rows.ts';

export interface MigrationReport {
  /** File names applied now. */
  applied: string[];
  /** Highest version of the database. */
  version: number;
}

export interface StatementOptions {
  /** Ends the statement in the engine too; the call then rejects with the signal's reason. */
  signal?: AbortSignal;
  settings?: ClickHouseSettings;
}

/** The analytics database, embedded or on a server: the same statements give the same answers. */
export interface ClickHouse extends AsyncDisposable {
  readonly deployment: 'embedded' | 'server' | 'cluster';
  readonly database: string;
  /**
   * Rows of one SELECT. `{name:Type}` placeholders take their values from `params`; times come back as RFC 3339.
   * @throws ClickHouseError of the client with the server's code and type.
   */
  query<T>(sql: string, params?: Record<string, unknown>, options?: StatementOptions): Promise<T[]>;
  /** The same, row by row, in bounded memory. */
  stream<T>(sql: string, params?: Record<string, unknown>, options?: StatementOptions): AsyncIterable<T>;
  /** Inserts rows and resolves when they are stored. Rows need not all have the same columns; unknown ones are refused. */
  insert(table: string, rows: readonly TableRow[]): Promise<void>;
  /** One statement without a result. */
  command(sql: string, params?: Record<string, unknown>, options?: StatementOptions): Promise<void>;
  /** Brings the tables up to date with schemas/tables. */
  migrate(): Promise<MigrationReport>;
  /** One SELECT from somebody who is not trusted with the machine. */
  analystQuery(sql: string, options?: { signal?: AbortSignal }): Promise<AnalystResult>;
  /** @throws TidemillError CLICKHOUSE_UNREACHABLE or ClickHouseError */
  ping(): Promise<void>;
  close(): Promise<void>;
}
