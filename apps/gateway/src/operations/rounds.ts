import { setTimeout as delay } from 'node:timers/promises';

/** Work that is done again and again, never twice at once. */
export class Rounds {
  readonly #every: number;
  readonly #work: (round: number) => Promise<void>;
  readonly #stop = new AbortController();
  #started = false;

  /**
   * @param every milliseconds between the end of a round and the next
   * @param work must not reject; it gets the number of the round, from 0
   */
  constructor(every: number, work: (round: number) => Promise<void>) {
    this.#every = every;
    this.#work = work;
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#run();
  }

  /** Does not wait for a round that is still going on. */
  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    for (let round = 0; !this.#stop.signal.aborted; round++) {
      await this.#work(round);
      await delay(this.#every, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }
}
