import { type ClickHouse, fromRow, type TableRow } from '#libs/clickhouse';
import { eventJson } from '../edge/event-json.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

/** A column a list is ordered by, descending. */
interface OrderColumn {
  name: string;
  kind: 'time' | 'integer' | 'text';
}

interface ReportList {
  /** What follows FROM. */
  source: string;
  order: readonly OrderColumn[];
  /** Column that `from` and `to` look at. */
  time: string;
  /** Columns that may be asked for by value. */
  filters: readonly string[];
  decode(row: TableRow): Record<string, unknown>;
}

/** Every list of the surface, newest first. */
export const reportLists = {
  'drift-reports': {
    source: 'drift_reports FINAL',
    order: [
      { name: 'window_end', kind: 'time' },
      { name: 'window_start', kind: 'time' },
    ],
    time: 'window_end',
    filters: ['verdict'],
    decode: (row) => eventJson('drift-reports', fromRow('drift_reports', row)),
  },
  'performance-reports': {
    source: 'performance_reports FINAL',
    order: [
      { name: 'window_end', kind: 'time' },
      { name: 'window_start', kind: 'time' },
      { name: 'scope', kind: 'text' },
    ],
    time: 'window_end',
    filters: ['scope'],
    decode: (row) => eventJson('performance-reports', fromRow('performance_reports', row)),
  },
  decisions: {
    source: 'trigger_decisions FINAL',
    order: [
      { name: 'decided_at', kind: 'time' },
      { name: 'id', kind: 'text' },
      { name: 'outcome', kind: 'text' },
    ],
    time: 'decided_at',
    filters: ['outcome', 'policy'],
    decode: (row) => eventJson('trigger-decisions', fromRow('trigger_decisions', row)),
  },
  swaps: {
    source: 'swaps',
    order: [
      { name: 'epoch', kind: 'integer' },
      { name: 'instance', kind: 'text' },
    ],
    time: 'promoted_at',
    filters: [],
    decode: swapJson,
  },
} as const satisfies Record<string, ReportList>;
export type ReportListName = keyof typeof reportLists;

export interface PageRequest {
  model: string;
  limit: number;
  cursor?: string | undefined;
  /** RFC 3339, inclusive. */
  from?: string | undefined;
  /** RFC 3339, exclusive. */
  to?: string | undefined;
  filters: Readonly<Record<string, string | undefined>>;
}

export interface Page {
  items: Record<string, unknown>[];
  /** Where the next page begins; null on the last one. */
  nextCursor: string | null;
}

/** One page of a list. @throws Problem 422 for a foreign cursor */
export async function reportPage(clickhouse: ClickHouse, name: ReportListName, request: PageRequest): Promise<Page> {
  const list: ReportList = reportLists[name];
  const params: Record<string, unknown> = { model: request.model, limit: request.limit + 1 };
  const conditions = ['model = {model:String}'];
  for (const column of list.filters) {
    const value = request.filters[column];
    if (value === undefined) continue;
    params[column] = value;
    conditions.push(`${column} = {${column}:String}`);
  }
  for (const [bound, sign] of [
    ['from', '>='],
    ['to', '<'],
  ] as const) {
    const value = request[bound];
    if (value === undefined) continue;
    params[bound] = value;
    conditions.push(`${list.time} ${sign} ${placeholder(bound, 'time')}`);
  }
  if (request.cursor !== undefined) {
    const values = decodeCursor(request.cursor, list.order.length);
    for (const [i, value] of values.entries()) params[`after${i}`] = String(value);
    const columns = list.order.map((column) => column.name).join(', ');
    const after = list.order.map((column, i) => placeholder(`after${i}`, column.kind)).join(', ');
    conditions.push(`(${columns}) < (${after})`);
  }
  const sql = `SELECT * FROM ${list.source} WHERE ${conditions.join(' AND ')}
    ORDER BY ${list.order.map((column) => `${column.name} DESC`).join(', ')} LIMIT {limit:UInt32}`;
  const rows = await clickhouse.query<TableRow>(sql, params);
  const shown = rows.slice(0, request.limit);
  const last = shown.at(-1);
  const more = rows.length > request.limit && last !== undefined;
  return {
    items: shown.map((row) => list.decode(row)),
    nextCursor: more ? encodeCursor(list.order.map((column) => last[column.name])) : null,
  };
}

function placeholder(name: string, kind: OrderColumn['kind']): string {
  if (kind === 'time') return `parseDateTime64BestEffort({${name}:String}, 3, 'UTC')`;
  return kind === 'integer' ? `{${name}:Int64}` : `{${name}:String}`;
}

/** One instance taking over one version. */
function swapJson(row: TableRow): Record<string, unknown> {
  const answeredAt = new Map(entriesOf(row['first_answered_at']));
  return {
    model: row['model'],
    epoch: row['epoch'],
    version: row['version'],
    fromVersion: row['from_version'] ?? null,
    action: row['action'],
    reason: row['reason'],
    promotedBy: row['promoted_by'],
    promotedAt: row['promoted_at'],
    instance: row['instance'] === '' ? null : row['instance'],
    state: row['state'],
    requestedAt: row['requested_at'] ?? null,
    fetchedAt: row['fetched_at'] ?? null,
    verifiedAt: row['verified_at'] ?? null,
    warmAt: row['warm_at'] ?? null,
    servingAt: row['serving_at'] ?? null,
    firstOffsets: entriesOf(row['first_offsets']).map(([partition, offset]) => ({
      partition,
      offset,
      at: new Date(answeredAt.get(partition) ?? 0).toISOString(),
    })),
    failures: Number(row['failures']),
    error: row['error'] ?? null,
    device: row['device'] === '' ? null : row['device'],
  };
}

/** A map from partitions, in their order. */
function entriesOf(map: unknown): [number, number][] {
  const entries = typeof map === 'object' && map !== null ? Object.entries(map) : [];
  return entries.map(([partition, value]): [number, number] => [Number(partition), Number(value)]);
}
