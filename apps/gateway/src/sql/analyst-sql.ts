import type { AnalystResult, ClickHouse } from '#libs/clickhouse';
import { isRetriable } from '#libs/clickhouse';
import { Problem } from '#libs/http';
import { reasonOf, TidemillError } from '#libs/platform';
import { invalid } from '../edge/input.ts';

/** Queries at once: an analyst must not starve the windows. */
const maximumQueries = 2;

/** Runs statements of people, a few at once. */
export class AnalystSql {
  readonly #clickhouse: ClickHouse;
  #running = 0;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  /** @throws Problem 422 for a statement that is refused or wrong, 429 when enough run already */
  async run(sql: string): Promise<AnalystResult> {
    if (this.#running >= maximumQueries)
      throw new Problem(429, `${maximumQueries} queries run already; try again after the time in Retry-After`, {
        retryAfter: 2,
      });
    this.#running++;
    try {
      return await this.#clickhouse.analystQuery(sql);
    } catch (error) {
      if (error instanceof TidemillError && error.code !== 'ANALYST_QUERY_REFUSED') throw error;
      if (isRetriable(error)) throw new Problem(503, reasonOf(error), { retryAfter: 2 });
      // Its causes are the same sentence in the engine's own wrapping.
      const message = error instanceof Error ? error.message.trim() : reasonOf(error);
      throw invalid([{ pointer: '/sql', message }]);
    } finally {
      this.#running--;
    }
  }
}
