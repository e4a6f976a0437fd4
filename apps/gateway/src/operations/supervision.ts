import { setTimeout as delay } from 'node:timers/promises';
import type { ClickHouse } from '#libs/clickhouse';
import { type Metrics, type Readiness, reasonOf } from '#libs/platform';
import type { Stream } from '#libs/stream';
import { groupTopics } from './group-topics.ts';

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
export class Supervision {
  readonly #options: SupervisionOptions;
  readonly #stop = new AbortController();
  #started = false;

  constructor(options: SupervisionOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#run();
  }

  /** Does not wait for a question that is still open. */
  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { stream, clickhouse } = this.#options;
    for (let round = 0; !this.#stop.signal.aborted; round++) {
      await Promise.all([
        this.#probe('kafka', () => stream.admin.endOffsets('texts')),
        this.#probe('clickhouse', () => clickhouse.ping()),
      ]);
      if (round % lagsEvery === 0) await this.#measureLags();
      await delay(every, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
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
