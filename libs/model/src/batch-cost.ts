import type { Serving } from './batch-job.ts';

/** Before anything has been measured. */
const firstTokens = 4096;
/** How much of what was measured counts on at the next batch. */
const memory = 0.9;

/** What batches of one version have taken; another version may be a hundred times slower. */
export class BatchCost {
  #serving: Serving | undefined;
  #milliseconds = 0;
  #tokens = 0;
  #texts = 0;

  /** Milliseconds that these texts will take, by what batches have taken so far. */
  millisecondsOf(texts: number): number {
    return (texts * this.#milliseconds) / Math.max(1, this.#texts);
  }

  /** Rows × longest row that a version answers in this time. */
  tokensIn(milliseconds: number, serving: Serving): number {
    return serving === this.#serving ? (milliseconds * this.#tokens) / Math.max(this.#milliseconds, 1e-3) : firstTokens;
  }

  update(serving: Serving, batch: { milliseconds: number; tokens: number; texts: number }): void {
    const counts = serving === this.#serving ? memory : 0;
    this.#serving = serving;
    this.#milliseconds = this.#milliseconds * counts + batch.milliseconds;
    this.#tokens = this.#tokens * counts + batch.tokens;
    this.#texts = this.#texts * counts + batch.texts;
  }
}
