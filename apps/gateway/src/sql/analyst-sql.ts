import type { AnalystResult, ClickHouse } from '#libs/clickhouse';
import { isRetriable } from '#libs/clickhouse';
import { Problem } from '#libs/http';
import { reasonOf, TidemillError } from '#libs/platform';
import { invalid } from '../edge/input.ts';

/** Queries at once: an analyst must not starve the windows. */
const maximumQueries = 2;
/** Milliseconds until there is an answer; the engine itself stops after 30 s where it can. */
const longest = 35_000;

/** Runs statements of people, a few at once. */
export class AnalystSql {
  readonly #clickhouse: ClickHouse;
  readonly #longest: number;
  #running = 0;

  constructor(clickhouse: ClickHouse, longestMilliseconds = longest) {
    this.#clickhouse = clickhouse;
    this.#longest = longestMilliseconds;
  }

  /**
   * @param gone ends the query: nobody waits for it any more
   * @throws Problem 422 for a statement that is refused, wrong or too slow, 429 when enough run already
   */
  async run(sql: string, gone?: AbortSignal): Promise<AnalystResult> {
    if (this.#running >= maximumQueries)
      throw new Problem(429, `${maximumQueries} queries run already; try again after the time in Retry-After`, {
        retryAfter: 2,
      });
    const late = AbortSignal.timeout(this.#longest);
    try {
      return await this.#inTime(sql, gone === undefined ? late : AbortSignal.any([late, gone]));
    } catch (error) {
      if (late.aborted) throw wrong(`it was not done in ${this.#longest / 1000} s and is being stopped`);
      if (error instanceof TidemillError && error.code !== 'ANALYST_QUERY_REFUSED') throw error;
      if (isRetriable(error)) throw new Problem(503, reasonOf(error), { retryAfter: 2 });
      // Its causes are the same sentence in the engine's own wrapping.
      throw wrong(error instanceof Error ? error.message.trim() : reasonOf(error));
    }
  }

  /** One call of a slow function over one block cannot be stopped: its place stays taken, but nobody waits for it. */
  #inTime(sql: string, stop: AbortSignal): Promise<AnalystResult> {
    this.#running++;
    return new Promise((resolve, reject) => {
      stop.addEventListener('abort', () => reject(stop.reason), { once: true });
      this.#clickhouse
        .analystQuery(sql, { signal: stop })
        .then(resolve, reject)
        .finally(() => this.#running--);
    });
  }
}

function wrong(message: string): Problem {
  return invalid([{ pointer: '/sql', message }]);
}
