import type { ClickHouse } from './clickhouse.ts';
import type { TableRow } from './tables/rows.ts';

export interface BatchWriterOptions {
  /** Rows that make a batch; it is then sent at once. */
  maximumRows?: number;
  /** Milliseconds the first row of a batch waits for others. */
  maximumDelay?: number;
}

interface Batch {
  rows: TableRow[];
  stored: Promise<void>;
  settle: { resolve: () => void; reject: (reason: unknown) => void };
  timer: NodeJS.Timeout;
}

/**
 * Gathers rows of one table into batches that the engine likes.
 *
 * `write` resolves when its rows are stored: commit offsets after that and nothing acknowledged is ever lost. Callers
 * that await `write` are the back-pressure; one insert runs at a time, what comes meanwhile makes the next batch.
 * After a failed insert `write` rejects and the rows are the caller's again; writing them again is safe.
 */
export class BatchWriter {
  readonly #insert: (rows: readonly TableRow[]) => Promise<void>;
  readonly #maximumRows: number;
  readonly #maximumDelay: number;
  #open: Batch | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(clickhouse: Pick<ClickHouse, 'insert'>, table: string, options: BatchWriterOptions = {}) {
    this.#insert = (rows) => clickhouse.insert(table, rows);
    this.#maximumRows = options.maximumRows ?? 5000;
    this.#maximumDelay = options.maximumDelay ?? 500;
  }

  /** Resolves when all `rows` are stored; rejects when any of them may not be. */
  async write(rows: readonly TableRow[]): Promise<void> {
    const stored: Promise<void>[] = [];
    for (let from = 0; from < rows.length;) {
      const batch = (this.#open ??= this.#begin());
      const part = rows.slice(from, from + this.#maximumRows - batch.rows.length);
      for (const row of part) batch.rows.push(row);
      from += part.length;
      stored.push(batch.stored);
      if (batch.rows.length >= this.#maximumRows) this.#send();
    }
    // All of them, so that no rejection is left unseen; then the first failure.
    const outcomes = await Promise.allSettled(stored);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** Sends what waits and resolves when nothing is under way. Failures are those of the `write` calls. */
  async flush(): Promise<void> {
    this.#send();
    await this.#last;
  }

  #begin(): Batch {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    return {
      rows: [],
      stored: promise,
      settle: { resolve, reject },
      timer: setTimeout(() => this.#send(), this.#maximumDelay),
    };
  }

  #send(): void {
    const batch = this.#open;
    if (batch === undefined) return;
    this.#open = undefined;
    clearTimeout(batch.timer);
    this.#last = this.#last.then(() => this.#insert(batch.rows)).then(batch.settle.resolve, batch.settle.reject);
  }
}
