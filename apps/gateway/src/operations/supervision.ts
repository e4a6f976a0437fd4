import { setTimeout as delay } from 'node:timers/promises';
import type { ClickHouse } from '#libs/clickhouse';
import { type Readiness, reasonOf } from '#libs/platform';
import type { Stream } from '#libs/stream';

export interface SupervisionOptions {
  stream: Stream;
  clickhouse: ClickHouse;
  readiness: Readiness;
}

const every = 2000;
/** A part that takes longer to answer a ping is not there. */
const patience = 3000;

/** Asks Kafka and ClickHouse whether they answer, and lets /readyz say so. */
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
    while (!this.#stop.signal.aborted) {
      await Promise.all([
        this.#probe('kafka', () => stream.admin.endOffsets('texts')),
        this.#probe('clickhouse', () => clickhouse.ping()),
      ]);
      await delay(every, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
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
