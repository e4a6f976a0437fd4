import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from './metrics.ts';

/** Milliseconds between two looks; its clock wakes the process, so it runs only while there is work. */
const resolution = 5;
const period = 1000;

/**
 * How long the event loop was blocked while there was work: once a second the longest delay goes into metric
 * tidemill_event_loop_delay_seconds. A blocked loop sends no heartbeats and answers no request.
 */
export class EventLoopWatch {
  readonly #metrics: Metrics;
  readonly #histogram = monitorEventLoopDelay({ resolution });
  /** Nanoseconds; undefined: nothing was measured since this was last told. */
  #longest: number | undefined;
  #working = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** Watches while the work goes on. */
  async during<T>(work: Promise<T>): Promise<T> {
    if (this.#working++ === 0) {
      this.#histogram.enable();
      this.#timer ??= setInterval(() => this.#tell(), period).unref();
    }
    try {
      return await work;
    } finally {
      if (--this.#working === 0) {
        this.#note();
        this.#histogram.disable();
      }
    }
  }

  /** The histogram forgets when it last looked, or the time until it is enabled again would be a delay. */
  #note(): void {
    const { count, max } = this.#histogram;
    if (count > 0) this.#longest = Math.max(this.#longest ?? 0, max);
    this.#histogram.reset();
  }

  #tell(): void {
    this.#note();
    if (this.#longest !== undefined)
      this.#metrics.observe('tidemill_event_loop_delay_seconds', Math.max(0, this.#longest / 1e9 - resolution / 1000));
    this.#longest = undefined;
    if (this.#working > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
