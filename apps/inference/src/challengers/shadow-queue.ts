import type { Prediction } from '#libs/events';
import type { BatchResult } from '#libs/model';
import { type Logger, reasonOf } from '#libs/platform';

/** A text that has been answered and is to be scored once more, for comparison. */
export interface ShadowText {
  text: string;
  /** The prediction that a result makes; undefined: another epoch has begun meanwhile. */
  predict: (result: BatchResult, row: number) => Prediction | undefined;
}

export interface ShadowQueueOptions {
  /** Undefined: it cannot be asked, or failed. */
  score: (texts: readonly string[]) => Promise<BatchResult | undefined>;
  publish: (predictions: Prediction[]) => Promise<void>;
  onShed: (texts: number) => void;
  onScored: (texts: number) => void;
  maximumTexts: number;
  maximumBatchTexts: number;
  logger: Logger;
}

/** UTF-16 code units that wait at most, whatever their number: texts may be long. */
const maximumCharacters = 32 * 1024 ** 2;

/**
 * Texts that wait to be scored beside the answer that was given. Bounded: what does not fit, what is not answered and
 * what waits when the process ends is left out and counted. Nobody waits for it.
 */
export class ShadowQueue {
  readonly #options: ShadowQueueOptions;
  #waiting: ShadowText[] = [];
  #characters = 0;
  #working = false;
  #closed = false;

  constructor(options: ShadowQueueOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Takes what fits. */
  offer(texts: readonly ShadowText[]): void {
    const { maximumTexts, onShed } = this.#options;
    let taken = 0;
    for (const text of texts) {
      const characters = this.#characters + text.text.length;
      if (this.#closed || this.#waiting.length >= maximumTexts || characters > maximumCharacters) break;
      this.#waiting.push(text);
      this.#characters = characters;
      taken++;
    }
    if (taken < texts.length) onShed(texts.length - taken);
    if (!this.#working) void this.#work();
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#characters = 0;
  }

  async #work(): Promise<void> {
    const { score, publish, onShed, onScored, maximumBatchTexts, logger } = this.#options;
    this.#working = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maximumBatchTexts);
      this.#characters -= batch.reduce((sum, { text }) => sum + text.length, 0);
      try {
        const result = await score(batch.map(({ text }) => text));
        if (result === undefined) onShed(batch.length);
        else {
          const predictions = batch.flatMap(({ predict }, row) =>
            result.failures.has(row) ? [] : (predict(result, row) ?? []),
          );
          await publish(predictions);
          onScored(predictions.length);
          if (predictions.length < batch.length) onShed(batch.length - predictions.length);
        }
      } catch (error) {
        onShed(batch.length);
        logger.warn({ texts: batch.length, reason: reasonOf(error) }, 'answers for comparison were lost');
      }
    }
    this.#working = false;
  }
}
