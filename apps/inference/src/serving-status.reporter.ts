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
  readonly #serving = new Map<string, ServingStatus>();
  #published: Promise<void> = Promise.resolve();

  constructor(options: ServingStatusOptions) {
    this.#options = options;
  }

  /** The last status of every model, for `/v1/serving`. */
  get statuses(): ServingStatus[] {
    return [...this.#serving.values()];
  }

  /** Model to the execution provider that runs it. */
  get devices(): Record<string, string> {
    const serving = this.statuses.filter(({ state }) => state === 'serving');
    return Object.fromEntries(serving.map(({ model, device }) => [model, device]));
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
      metrics.increment('tidemill_model_swaps_total', { model });
      metrics.set('tidemill_model_version', version, { model, instance });
    }
    if (state === 'failed') metrics.increment('tidemill_model_swap_failures_total', { model });
    this.#report(status);
  }

  /** Notes that `epoch` answered `offset` of `partition`; only the first of each partition is told. */
  answered(served: { model: string; epoch: number }, first: FirstOffset): void {
    const status = this.#serving.get(served.model);
    if (status === undefined || status.epoch !== served.epoch || status.state !== 'serving') return;
    if (status.firstOffsets.some(({ partition }) => partition === first.partition)) return;
    this.#report({
      ...status,
      firstOffsets: [...status.firstOffsets, first].toSorted((a, b) => a.partition - b.partition),
    });
  }

  /** Resolves when everything reported so far has been sent. */
  flushed(): Promise<void> {
    return this.#published;
  }

  #report(status: ServingStatus): void {
    this.#serving.set(status.model, status);
    // In order, one after the other. A status that cannot be written stops nothing: the next one says more.
    this.#published = this.#published
      .then(() => this.#options.publish(status))
      .catch((error: unknown) =>
        this.#options.logger.error({ status, reason: reasonOf(error) }, 'a serving status could not be published'),
      );
  }
}
