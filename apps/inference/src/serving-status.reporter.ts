import type { FirstOffset, ServingStatus } from '#libs/events';
import type { SlotProgress } from '#libs/model';
import { type Clock, type Logger, type Metrics, reasonOf } from '#libs/platform';

export interface ServingStatusOptions {
  instance: string;
  publish: (status: ServingStatus) => Promise<void>;
  clock: Clock;
  metrics: Metrics;
  logger: Logger;
}

/**
 * Tells topic serving-status how far this instance is with each version: every step of a swap, and for each partition
 * the first offset the new version answered, so that the cut-over is a recorded fact.
 */
export class ServingStatusReporter {
  readonly #options: ServingStatusOptions;
  /** Model to the version that answers. */
  readonly #serving = new Map<string, ServingStatus>();
  /** Model to a newer version that does not answer: on its way, or failed. */
  readonly #next = new Map<string, ServingStatus>();
  #published: Promise<void> = Promise.resolve();

  constructor(options: ServingStatusOptions) {
    this.#options = options;
  }

  /** What serves of every model, then what is to serve next or failed to, for `/v1/serving`. */
  get statuses(): ServingStatus[] {
    return [...this.#serving.values(), ...this.#next.values()];
  }

  /** Model to the execution provider that runs it. */
  get devices(): Record<string, string> {
    return Object.fromEntries([...this.#serving.values()].map(({ model, device }) => [model, device]));
  }

  /** Model to why no version of it serves, or how far the first one is. */
  get notServing(): Record<string, string> {
    const next = [...this.#next.values()].filter(({ model }) => !this.#serving.has(model));
    return Object.fromEntries(next.map(({ model, state, error }) => [model, error ?? state]));
  }

  onProgress(progress: SlotProgress): void {
    const { event, state, device = '', error } = progress;
    const { instance, clock, metrics } = this.#options;
    const { model, version, epoch, bundleDigest } = event;
    const status: ServingStatus = {
      instance,
      model,
      version,
      epoch,
      bundleDigest,
      state,
      firstOffsets: [],
      device,
      error: error ?? null,
      at: clock.now(),
    };
    if (state === 'serving') {
      this.#serving.set(model, status);
      this.#next.delete(model);
      metrics.set('tidemill_model_stale', 0, { model });
      metrics.increment('tidemill_model_swaps_total', { model });
      metrics.set('tidemill_model_version', version, { model, instance });
    } else this.#next.set(model, status);
    if (state === 'stale') metrics.set('tidemill_model_stale', 1, { model });
    if (state === 'failed') metrics.increment('tidemill_model_swap_failures_total', { model });
    this.#report(status);
  }

  /**
   * Notes that `epoch` answered `offset` of `partition`; only the first of each partition is told. Resolves when that is
   * written, so that who waits before committing the offset never leaves a cut-over without its record.
   * @throws what publishing threw; the next call tells it again.
   */
  async answered(served: { model: string; epoch: number }, first: FirstOffset): Promise<void> {
    const status = this.#serving.get(served.model);
    if (status?.epoch !== served.epoch) return;
    if (status.firstOffsets.some(({ partition }) => partition === first.partition)) return;
    const firstOffsets = [...status.firstOffsets, first].toSorted((a, b) => a.partition - b.partition);
    // When it was, so that the table knows the time of every partition's cut-over.
    const told = { ...status, firstOffsets, at: this.#options.clock.now() };
    this.#serving.set(served.model, told);
    try {
      await this.#publish(told);
    } catch (error) {
      this.#forget(served, first.partition);
      throw error;
    }
  }

  /** Resolves when everything reported so far has been sent, or could not be. */
  async flushed(): Promise<void> {
    await this.#published;
  }

  #forget({ model, epoch }: { model: string; epoch: number }, partition: number): void {
    const status = this.#serving.get(model);
    if (status?.epoch !== epoch) return;
    const firstOffsets = status.firstOffsets.filter((offset) => offset.partition !== partition);
    this.#serving.set(model, { ...status, firstOffsets });
  }

  /** A status that cannot be written stops no swap: the next one says more. */
  #report(status: ServingStatus): void {
    this.#publish(status).catch((error: unknown) =>
      this.#options.logger.error({ status, reason: reasonOf(error) }, 'a serving status could not be published'),
    );
  }

  /** In order, one after the other. */
  #publish(status: ServingStatus): Promise<void> {
    const publishing = this.#published.then(() => this.#options.publish(status));
    this.#published = publishing.catch(() => undefined);
    return publishing;
  }
}
