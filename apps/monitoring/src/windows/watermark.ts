import type { Clock } from '#libs/platform';

export interface WatermarkOptions {
  /** How far the watermark stays behind the newest event, milliseconds of event time. */
  allowedLateness: number;
  /** Without events for this long (processing time) the watermark moves past the newest one. Milliseconds. */
  idleTimeout: number;
  clock: Clock;
}

/** An event further ahead of the clock than this has a wrong time: it is kept, but event time does not follow it. */
const plausibleFuture = 86_400_000;

/**
 * How far event time has certainly come: the least, over partitions, of the newest event seen, minus the allowed
 * lateness. Partitions are in order of production, so what is older than the watermark has arrived unless it is late.
 * Source: Akidau et al., The Dataflow Model, VLDB 2015.
 */
export class Watermark {
  readonly #options: WatermarkOptions;
  readonly #partitions = new Map<string, { newest: number; seenAt: number }>();

  constructor(options: WatermarkOptions) {
    this.#options = options;
  }

  /** Notes an event with event time `at` (epoch milliseconds) of `partition`, which names topic and partition. */
  observe(partition: string, at: number): void {
    if (at > this.#options.clock.now() + plausibleFuture) return;
    const newest = Math.max(at, this.#partitions.get(partition)?.newest ?? at);
    this.#partitions.set(partition, { newest, seenAt: this.#options.clock.now() });
  }

  /** Takes over how far a partition has come from the tables: looking there again is no event. */
  learn(partition: string, at: number): void {
    if (at > (this.#partitions.get(partition)?.newest ?? Number.NEGATIVE_INFINITY)) this.observe(partition, at);
  }

  /** Epoch milliseconds before which everything has arrived; -Infinity before the first event. */
  get(): number {
    const all = [...this.#partitions.values()];
    if (all.length === 0) return Number.NEGATIVE_INFINITY;
    const active = this.#active();
    // Nothing more is coming soon: the newest event itself may be counted.
    if (active.length === 0) return Math.max(...all.map(({ newest }) => newest)) + 1;
    return Math.min(...active.map(({ newest }) => newest)) - this.#options.allowedLateness;
  }

  /** True when nothing has come for the idle time-out. */
  get idle(): boolean {
    return this.#active().length === 0;
  }

  #active() {
    const idleSince = this.#options.clock.now() - this.#options.idleTimeout;
    return [...this.#partitions.values()].filter(({ seenAt }) => seenAt > idleSince);
  }
}
