import { setTimeout as delay } from 'node:timers/promises';

export interface PaceOptions {
  /** Records a second. */
  rate?: number | undefined;
  /** Event time runs this many times as fast as the clock. */
  speed?: number | undefined;
}

/** Shorter waits are not worth a request of their own. */
const grain = 20;

/** Says when each record is due, by count or by its own time. */
export class Pace {
  readonly #options: PaceOptions;
  readonly #started = performance.now();
  #count = 0;
  #firstTime: number | undefined;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** Milliseconds until a record of event time `time` is due; 0 when it is. */
  wait(time: number): number {
    const due = Math.max(this.#byRate(), this.#byTime(time));
    const left = due - (performance.now() - this.#started);
    return left > grain ? left : 0;
  }

  async sleep(milliseconds: number): Promise<void> {
    await delay(milliseconds);
  }

  #byRate(): number {
    const { rate } = this.#options;
    return rate === undefined ? 0 : (this.#count++ * 1000) / rate;
  }

  #byTime(time: number): number {
    const { speed } = this.#options;
    if (speed === undefined) return 0;
    this.#firstTime ??= time;
    return (time - this.#firstTime) / speed;
  }
}
