import { clickhouseError } from '../errors.ts';
import { coordinateColumns, isTableName, tableColumns, type TableName, type TableRecords } from './tables.ts';

/** A row as it is inserted: column to value, times as epoch milliseconds. */
export type TableRow = Readonly<Record<string, unknown>>;

/** Where a record lies in Kafka; decides which of several rows of one key counts. */
export interface Coordinates {
  partition: number;
  offset: bigint | number;
}

/** The row that keeps `record`. Event times outside 1900 to 2299 are moved to the nearest end of that range. */
export function toRow<T extends TableName>(table: T, record: TableRecords[T], from?: Coordinates): TableRow {
  const values = new Map<string, unknown>(Object.entries(record));
  const row: Record<string, unknown> = {};
  for (const { field, column, codec } of tableColumns[table]) row[column] = codec.encode(values.get(field));
  if (from !== undefined) {
    row['kafka_partition'] = from.partition;
    row['kafka_offset'] = String(from.offset);
  }
  return row;
}

/** The record a selected row keeps; other columns are left out. Times become epoch milliseconds again. */
export function fromRow<T extends TableName>(table: T, row: TableRow): TableRecords[T] {
  const record: unknown = Object.fromEntries(
    tableColumns[table].map(({ field, column, codec }) => [field, codec.decode(row[column])]),
  );
  return record as TableRecords[T];
}

/**
 * Rows as JSONCompactEachRow takes them. A column a row does not have gets its default.
 * @throws TidemillError CLICKHOUSE_ROW_INVALID for a column the table does not have.
 */
export function encodeRows(
  table: string,
  rows: readonly TableRow[],
): { columns: [string, ...string[]]; values: unknown[][] } {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  const [first, ...rest] = names;
  if (first === undefined)
    throw clickhouseError('CLICKHOUSE_ROW_INVALID', { detail: `${table}: a row without columns` });
  if (isTableName(table)) refuseUnknown(table, names);
  const columns: [string, ...string[]] = [first, ...rest];
  return { columns, values: rows.map((row) => columns.map((name) => row[name] ?? null)) };
}

function refuseUnknown(table: TableName, names: ReadonlySet<string>): void {
  const known = new Set<string>([...tableColumns[table].map(({ column }) => column), ...coordinateColumns]);
  for (const name of names) {
    if (!known.has(name)) throw clickhouseError('CLICKHOUSE_ROW_INVALID', { detail: `${table} has no column ${name}` });
  }
}
