import type { ClickHouse } from '#libs/clickhouse';
import { latestPlausible } from './watermark.ts';

/** Rows of one table and partition that were stored since the last look. */
export interface StoredRows {
  table: WatchedTable;
  /** Partition of the input topic for texts and their answers, of topic labels for labels. */
  partition: number;
  /** Where the first of them lies: partition of the table's own topic, and offset. */
  storedIn: number;
  first: number;
  last: number;
  /** Event time of texts and answers, label time of labels; epoch milliseconds, plausible ones only. */
  oldest: number;
  newest: number;
}

const watchedTables = [
  { table: 'texts', partition: 'kafka_partition', time: 'occurred_at' },
  { table: 'predictions', partition: 'input_partition', time: 'occurred_at' },
  { table: 'labels', partition: 'kafka_partition', time: 'labelled_at' },
] as const;
export type WatchedTable = (typeof watchedTables)[number]['table'];

/** Finds what was stored about one model since the last look, by whichever instance: offsets only grow. */
export class StoredRowsReader {
  readonly #clickhouse: ClickHouse;
  readonly #model: string;
  /** By table: partition to the offset that comes next. */
  readonly #next = new Map<WatchedTable, Map<number, number>>(watchedTables.map(({ table }) => [table, new Map()]));

  constructor(clickhouse: ClickHouse, model: string) {
    this.#clickhouse = clickhouse;
    this.#model = model;
  }

  /** @param now epoch milliseconds */
  async look(now: number): Promise<StoredRows[]> {
    const found: StoredRows[] = [];
    for (const { table, partition, time } of watchedTables) {
      const next = this.#next.get(table) ?? new Map<number, number>();
      const rows = await this.#clickhouse.query<Omit<StoredRows, 'table'>>(
        `SELECT ${partition} AS partition, kafka_partition AS storedIn, min(kafka_offset) AS first, max(kafka_offset) AS last,
                min(toUnixTimestamp64Milli(${time})) AS oldest, max(toUnixTimestamp64Milli(${time})) AS newest
         FROM ${table}
         WHERE model = {model:String} AND kafka_offset >= {offsets:Array(Int64)}[indexOf({partitions:Array(Int32)}, kafka_partition)]
           AND ${time} <= fromUnixTimestamp64Milli({until:Int64})
         GROUP BY partition, storedIn ORDER BY storedIn, partition`,
        { model: this.#model, partitions: [...next.keys()], offsets: [...next.values()], until: latestPlausible(now) },
      );
      for (const row of rows) {
        next.set(row.storedIn, Math.max(row.last + 1, next.get(row.storedIn) ?? 0));
        found.push({ table, ...row });
      }
    }
    return found;
  }
}
