import type { ModelVersion } from '#libs/events';
import type { BatchResult, DynamicBatcher, ModelHost, ModelSlot, SlotProgress } from '#libs/model';
import { type Clock, Deadline, type Logger, reasonOf } from '#libs/platform';

/** A version that is tried, as a version event tells it. */
export type ToldChallenger = ModelVersion['challengers'][number];

export interface ChallengerOptions {
  model: string;
  told: ToldChallenger;
  slot: ModelSlot;
  batcher: DynamicBatcher;
  /** Milliseconds in which a canary must answer. */
  timeout: number;
  clock: Clock;
  logger: Logger;
}

/** For this long after a failure nothing is asked of it, milliseconds. */
const pauseAfterFailure = 10_000;
/** Failures one after the other after which it is given up, until it is told otherwise than before. */
const mostFailures = 3;

/**
 * A version in a slot of its own beside the champion's. Nobody waits for it: while it is being loaded, after a failure
 * and when it has been given up it is simply not asked.
 */
export class Challenger {
  readonly #options: ChallengerOptions;
  #share: number;
  #failures = 0;
  #pausedUntil = -Infinity;
  #error: string | undefined;
  #host: ModelHost | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ChallengerOptions) {
    this.#options = options;
    this.#share = options.told.share;
  }

  get told(): ToldChallenger {
    return { ...this.#options.told, share: this.#share };
  }

  set share(share: number) {
    this.#share = share;
  }

  /** Whether it may be asked now. */
  get ready(): boolean {
    const { slot, clock } = this.#options;
    return this.#closing === undefined && slot.serving !== undefined && clock.now() >= this.#pausedUntil;
  }

  /** It cannot be loaded, or has failed too often: nothing will be asked of it. */
  get givenUp(): boolean {
    return this.#closing !== undefined || (this.#options.slot.serving === undefined && !this.loading);
  }

  get loading(): boolean {
    return this.#options.slot.loading;
  }

  get state(): { state: 'answering' | 'loading' | 'failed'; error: string | null; hostPid: number | null } {
    const state = this.ready ? 'answering' : this.loading && this.#closing === undefined ? 'loading' : 'failed';
    return { state, error: this.#error ?? null, hostPid: this.#host?.pid ?? null };
  }

  get residentBytes(): number {
    return this.#options.slot.hosts?.residentBytes ?? 0;
  }

  /** Until it is told otherwise than before. */
  giveUp(reason: string): Promise<void> {
    const { model, told, logger } = this.#options;
    this.#error = reason;
    logger.error({ model, version: told.version, role: told.role, reason }, 'a challenger was given up');
    return this.close();
  }

  /** For a text that waits for its answer; undefined: the champion is to answer. */
  async answer(texts: readonly string[], lost: AbortSignal): Promise<BatchResult | undefined> {
    if (!this.ready) return undefined;
    using deadline = new Deadline(this.#options.timeout, lost);
    try {
      const result = this.#succeeded(await this.#options.batcher.submit(texts, 'interactive', deadline.signal));
      // A text that this version has no answer for may have one of the champion's.
      return result.failures.size === 0 ? result : undefined;
    } catch (error) {
      lost.throwIfAborted();
      this.#failed(error);
      return undefined;
    }
  }

  /**
   * For comparison only: behind the texts that wait for an answer. Also during a pause, because nobody waits for it, and
   * because the text that caused it has to be found. All of the texts have been answered by another version: without an
   * answer to one of them it would not be compared on just those where it is worse, and must not be promoted.
   */
  async score(texts: readonly string[]): Promise<BatchResult | undefined> {
    const { slot, batcher } = this.#options;
    if (this.#closing !== undefined || slot.serving === undefined) return undefined;
    try {
      const result = this.#succeeded(await batcher.submit(texts, 'bulk'));
      const [failure] = result.failures.values();
      if (failure !== undefined)
        void this.giveUp(`it has no answer for a text that another version answered: ${failure.message}`);
      return result;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  onHost(host: ModelHost): void {
    this.#host = host;
  }

  /** How its loading goes. */
  onProgress({ state, error }: SlotProgress): void {
    const { model, told, logger } = this.#options;
    if (error !== undefined) this.#error = error;
    logger.info({ model, version: told.version, role: told.role, state, error }, 'a challenger is being loaded');
  }

  #failed(error: unknown): void {
    const { model, told, clock, logger } = this.#options;
    // Of several requests that fail together one counts.
    if (this.#closing !== undefined || clock.now() < this.#pausedUntil) return;
    this.#error = reasonOf(error);
    this.#failures++;
    this.#pausedUntil = clock.now() + pauseAfterFailure;
    const about = { model, version: told.version, role: told.role, reason: this.#error };
    if (this.#failures < mostFailures) logger.warn(about, 'a challenger failed and is not asked for a while');
    else void this.giveUp(`it failed ${mostFailures} times: ${this.#error}`);
  }

  /** Does not wait for batches that may never be answered. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { slot, batcher } = this.#options;
    batcher.close();
    // What it is still running may never end.
    await Promise.all([slot.close(), this.#host?.close()]);
  }

  #succeeded(result: BatchResult): BatchResult {
    this.#failures = 0;
    return result;
  }
}
