import { type Clock, type Logger, reasonOf } from '#libs/platform';
import type { Upstream } from '../edge/upstream.ts';
import { Rounds } from '../operations/rounds.ts';
import type { EventHub } from './event-hub.ts';

export interface PulseOptions {
  hub: EventHub;
  /** Records ever written to a topic, by its end offsets. */
  written: (topic: CountedTopic) => Promise<bigint>;
  /** Quantiles over the predictions since a moment (epoch milliseconds); null without any. */
  latency: (since: number) => Promise<Latency | null>;
  retraining: Upstream;
  clock: Clock;
  logger: Logger;
}

/** From a text being taken up to its answer, milliseconds. */
export interface Latency {
  p50: number;
  p99: number;
}

const countedTopics = ['texts', 'predictions', 'labels'] as const;
export type CountedTopic = (typeof countedTopics)[number];

interface Reading {
  at: number;
  counts: Map<CountedTopic, bigint>;
}

const every = 1000;
/** Milliseconds of predictions that the latency looks back on. */
const latencySpan = 5000;

/** Each second, while somebody listens: how much flows, and what retraining is doing. */
export class Pulse extends Rounds {
  readonly #options: PulseOptions;
  #before: Reading | undefined;
  #retraining = '';

  constructor(options: PulseOptions) {
    super(every, () => this.#round());
    this.#options = options;
  }

  async #round(): Promise<void> {
    const { hub, logger } = this.#options;
    try {
      if (!hub.wanted('throughput')) this.#before = undefined;
      await Promise.all([
        hub.wanted('throughput') ? this.#throughput() : undefined,
        hub.wanted('retraining') ? this.#progress() : undefined,
      ]);
    } catch (error) {
      logger.debug({ reason: reasonOf(error) }, 'no throughput this second');
    }
  }

  async #throughput(): Promise<void> {
    const { hub, written, latency, clock } = this.#options;
    const counts = new Map<CountedTopic, bigint>();
    for (const topic of countedTopics) counts.set(topic, await written(topic));
    const now = { at: clock.now(), counts };
    const before = this.#before;
    this.#before = now;
    if (before === undefined || now.at <= before.at) return;
    const rate = (topic: CountedTopic) =>
      (Number((counts.get(topic) ?? 0n) - (before.counts.get(topic) ?? 0n)) * 1000) / (now.at - before.at);
    hub.publish('throughput', {
      at: new Date(now.at).toISOString(),
      textsPerSecond: rate('texts'),
      predictionsPerSecond: rate('predictions'),
      labelsPerSecond: rate('labels'),
      latencyMilliseconds: rate('predictions') > 0 ? await latency(now.at - latencySpan) : null,
    });
  }

  /** Progress is told when it changes. */
  async #progress(): Promise<void> {
    const { hub, retraining } = this.#options;
    const { status, body } = await retraining
      .call('/v1/status', { deadline: every })
      .catch(() => ({ status: 503, body: undefined }));
    if (status >= 400) return;
    const text = JSON.stringify(body);
    if (text === this.#retraining) return;
    this.#retraining = text;
    hub.publish('retraining', body);
  }
}
