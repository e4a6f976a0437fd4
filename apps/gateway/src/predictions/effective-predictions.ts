import { setTimeout as delay } from 'node:timers/promises';
import { type ClickHouse, fromRow, type TableRow } from '#libs/clickhouse';
import { Problem } from '#libs/http';
import { eventJson } from '../edge/event-json.ts';

/** How often the waiting questions are asked again, all together. */
const pollEvery = 200;
/** Callers that wait at once; each holds a connection. */
const maximumWaiting = 128;

// The rule of view effective_predictions, over a few texts: the sorting key (model, text_id, …) finds them.
const query = `
SELECT *
FROM predictions FINAL
WHERE role IN ('champion', 'canary') AND text_id IN {ids:Array(String)}
  AND (empty({models:Array(String)}) OR model IN {models:Array(String)})
ORDER BY model, text_id, input_offset DESC, input_partition DESC, epoch, kafka_offset
LIMIT 1 BY model, text_id`;

interface Waiting {
  textId: string;
  model: string | undefined;
  until: number;
  resolve: (found: Record<string, unknown>[]) => void;
  reject: (reason: unknown) => void;
}

/** Looks predictions up in ClickHouse; many waiting callers cost one query at a time. */
export class EffectivePredictions {
  readonly #clickhouse: ClickHouse;
  readonly #knownModels: () => string[];
  #waiting: Waiting[] = [];
  #polling = false;

  /** @param knownModels for callers that name none; empty: any model */
  constructor(clickhouse: ClickHouse, knownModels: () => string[]) {
    this.#clickhouse = clickhouse;
    this.#knownModels = knownModels;
  }

  /** The effective predictions of a text, one a model; empty when there is none after `wait` milliseconds. */
  async find(textId: string, model: string | undefined, wait: number): Promise<Record<string, unknown>[]> {
    if (this.#waiting.length >= maximumWaiting)
      throw new Problem(503, 'too many callers wait for predictions; ask again later', { retryAfter: 1 });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ textId, model, until: performance.now() + wait, resolve, reject });
      if (!this.#polling) void this.#poll();
    });
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    for (;;) {
      await this.#round();
      if (this.#waiting.length === 0) break;
      await delay(pollEvery);
    }
    this.#polling = false;
  }

  async #round(): Promise<void> {
    const asked = this.#waiting;
    this.#waiting = [];
    const ids = [...new Set(asked.map(({ textId }) => textId))];
    const named = asked.flatMap(({ model }) => model ?? []);
    const models = named.length === asked.length ? [...new Set(named)] : this.#knownModels();
    try {
      const rows = await this.#clickhouse.query<TableRow>(query, { ids, models });
      const found = Map.groupBy(
        rows.map((row) => fromRow('predictions', row)),
        ({ textId }) => textId,
      );
      for (const one of asked) {
        const records = (found.get(one.textId) ?? []).filter(({ model }) => model === (one.model ?? model));
        if (records.length > 0 || performance.now() >= one.until)
          one.resolve(records.map((record) => eventJson('predictions', record)));
        else this.#waiting.push(one);
      }
    } catch (error) {
      for (const one of asked) one.reject(error);
    }
  }
}
