import type { Clock } from '#libs/platform';

export interface WatermarkOptions {
  /** How far the watermark stays behind the newest event, milliseconds of event time. */
  allowedLateness: number;
  /** Without events for this long (processing time) the watermark moves past the newest one. Milliseconds. */
  idleTimeout: number;
  clock: Clock;
}

const plausibleFuture = 86_400_000;

/** An event later than this has a wrong time: it is kept, but event time does not follow it. Epoch milliseconds. */
export const latestPlausible = (now: number): number => now + plausibleFuture;

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

  /** A partition that holds events though none has been seen: it holds the watermark back, until the idle time-out. */
  expect(partition: string): void {
    if (this.#partitions.has(partition)) return;
    this.#partitions.set(partition, { newest: Number.NEGATIVE_INFINITY, seenAt: this.#options.clock.now() });
  }

  /** Notes an event with event time `at` (epoch milliseconds) of `partition`, which names topic and partition. */
  observe(partition: string, at: number): void {
    const now = this.#options.clock.now();
    if (at > latestPlausible(now)) return;
    // After a rest the first event is not the only one: what comes in the other partitions is waited for again.
    if (this.idle) for (const known of this.#partitions.values()) known.seenAt = now;
    const newest = Math.max(at, this.#partitions.get(partition)?.newest ?? at);
    this.#partitions.set(partition, { newest, seenAt: now });
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
