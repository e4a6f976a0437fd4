import { setTimeout as delay } from 'node:timers/promises';
import type { ClickHouse } from '#libs/clickhouse';
import { type Metrics, type Readiness, reasonOf } from '#libs/platform';
import type { Stream } from '#libs/stream';
import { groupTopics } from './group-topics.ts';
import { Rounds } from './rounds.ts';

export interface SupervisionOptions {
  stream: Stream;
  clickhouse: ClickHouse;
  readiness: Readiness;
  metrics: Metrics;
}

const every = 2000;
/** Lags are for alerts, which look at minutes: every fifth round. */
const lagsEvery = 5;
/** A part that takes longer to answer a ping is not there. */
const patience = 3000;

/** Asks Kafka and ClickHouse whether they answer, and lets /readyz say so; and how far consumers are behind. */
export class Supervision extends Rounds {
  readonly #options: SupervisionOptions;

  constructor(options: SupervisionOptions) {
    super(every, (round) => this.#round(round));
    this.#options = options;
  }

  async #round(round: number): Promise<void> {
    const { stream, clickhouse } = this.#options;
    await Promise.all([
      this.#probe('kafka', () => stream.admin.endOffsets('texts')),
      this.#probe('clickhouse', () => clickhouse.ping()),
    ]);
    if (round % lagsEvery === 0) await this.#measureLags();
  }

  /** Of several groups on a topic the one that is furthest behind counts. What cannot be read stays as it was. */
  async #measureLags(): Promise<void> {
    const { stream, metrics } = this.#options;
    const furthest = new Map<string, number>();
    for (const [group, topics] of Object.entries(groupTopics)) {
      for (const topic of topics) {
        const lag = await stream.admin.groupLag(group, topic).catch(() => undefined);
        if (lag !== undefined) furthest.set(topic, Math.max(lag.total, furthest.get(topic) ?? 0));
      }
    }
    for (const [topic, lag] of furthest) metrics.set('tidemill_consumer_lag', lag, { topic });
  }

  async #probe(part: string, ask: () => Promise<unknown>): Promise<void> {
    const late = new AbortController();
    try {
      await Promise.race([
        ask(),
        delay(patience, undefined, { signal: late.signal }).then(() => {
          throw new Error(`no answer in ${patience / 1000} s`);
        }),
      ]);
      this.#options.readiness.clear(part);
    } catch (error) {
      this.#options.readiness.block(part, reasonOf(error));
    } finally {
      late.abort();
    }
  }
}
