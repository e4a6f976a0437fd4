export interface DeadLetterLimitSettings {
  /** Rejects in a row, per partition, after which consuming stops. */
  consecutive: number;
  /** Share of rejects among the last `window` records above which consuming stops. */
  share: number;
}

/** Records the share looks at; before that many have been seen it says nothing. */
const window = 1000;

/**
 * Tells bad data from a bad deploy: some records nobody can read are written to dead letters, but when nearly all are
 * rejected the fault is ours, and going on would empty the topic.
 */
export class DeadLetterLimits {
  readonly #settings: DeadLetterLimitSettings;
  readonly #consecutive = new Map<string, number>();
  readonly #recent = new Uint8Array(window);
  #seen = 0;
  #rejected = 0;

  constructor(settings: DeadLetterLimitSettings) {
    this.#settings = settings;
  }

  /** Why these outcomes (true: rejected) of a partition may not be written, or undefined. Changes nothing. */
  refuse(partition: string, outcomes: readonly boolean[]): string | undefined {
    let run = this.#consecutive.get(partition) ?? 0;
    for (const rejected of outcomes) {
      run = rejected ? run + 1 : 0;
      if (run > this.#settings.consecutive) {
        return `more than ${this.#settings.consecutive} records in a row are rejected`;
      }
    }
    const rejected = outcomes.filter(Boolean).length;
    if (rejected === 0 || this.#seen + outcomes.length < window) return undefined;
    const total = Math.min(this.#seen, window) + outcomes.length;
    const share = (this.#rejected + rejected) / total;
    if (share <= this.#settings.share) return undefined;
    return `${Math.round(share * 100)} % of the last ${total} records are rejected`;
  }

  /** Takes outcomes into account once their dead letters are written. */
  record(partition: string, outcomes: readonly boolean[]): void {
    let run = this.#consecutive.get(partition) ?? 0;
    for (const rejected of outcomes) {
      run = rejected ? run + 1 : 0;
      const slot = this.#seen++ % window;
      this.#rejected += Number(rejected) - (this.#recent[slot] ?? 0);
      this.#recent[slot] = Number(rejected);
    }
    this.#consecutive.set(partition, run);
  }
}
