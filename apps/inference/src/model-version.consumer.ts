import { setTimeout as delay } from 'node:timers/promises';
import type { ModelVersion } from '#libs/events';
import type { Clock, Logger, Metrics } from '#libs/platform';
import type { VersionVerifier } from '#libs/registry';
import type { LogReader, Stream } from '#libs/stream';
import type { ModelSlots } from './model-slots.ts';

export interface ModelVersionConsumerOptions {
  stream: Stream;
  slots: Pick<ModelSlots, 'apply' | 'attempted'>;
  /** Undefined: who may write to the topic is believed. */
  verifier?: VersionVerifier | undefined;
  /** Milliseconds without having read the log to its end, after which `onSilence` is told so; 0 or absent: never. */
  maximumSilence?: number;
  /** Called with undefined when the log has been read to its end again. */
  onSilence?: (reason: string | undefined) => void;
  logger: Logger;
  metrics: Metrics;
  clock: Clock;
}

/** A version event that was not followed. */
export interface RefusedEvent {
  model: string;
  version: number;
  epoch: number;
  reason: string;
  /** Epoch milliseconds. */
  at: number;
}

/** What is told of a field that others may have written. */
const longestShown = 200;

/**
 * Follows topic model-versions: which version of each model serves from now on. The topic is compacted, so reading it
 * from its beginning is short; it is read to its end before the first text, so that no text meets an outdated version.
 *
 * The topic is a way to make an instance load other bytes, so an event that is not believed is refused, counted and told,
 * and what serves goes on serving: unsigned or wrongly signed (when keys are configured), under another model's key, of
 * an epoch that has passed, or of the current epoch with other contents.
 */
export class ModelVersionConsumer {
  readonly #options: ModelVersionConsumerOptions;
  #reader: LogReader | undefined;
  #refused: RefusedEvent | undefined;
  readonly #closing = new AbortController();
  #listening: Promise<void> | undefined;

  constructor(options: ModelVersionConsumerOptions) {
    this.#options = options;
  }

  /** The last event that was refused. */
  get refused(): RefusedEvent | undefined {
    return this.#refused;
  }

  /** Resolves when everything there is has been applied and the loading of every model has been tried. */
  async start(): Promise<void> {
    const { stream, slots, logger } = this.#options;
    this.#reader = await stream.readToEnd(
      'model-versions',
      ({ value, key }) => {
        if (value !== null) this.#take(key ?? '', value);
        else logger.warn({ model: key }, 'a model was deleted from the log; it serves on until the next start');
      },
      { follow: true },
    );
    // One that cannot be loaded now does not keep the others from being served.
    await slots.attempted();
    const { maximumSilence = 0 } = this.#options;
    if (maximumSilence > 0) this.#listening = this.#listen(maximumSilence);
  }

  /** Resolves when every version event written before the call has been applied. */
  async caughtUp(): Promise<void> {
    await this.#reader?.caughtUp();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#listening;
    await this.#reader?.close();
  }

  /** Who cannot read the log does not know whether what serves is outdated. */
  async #listen(bound: number): Promise<void> {
    const { clock, logger, onSilence } = this.#options;
    const { signal } = this.#closing;
    let heardAt = clock.now();
    let asking: Promise<void> | undefined;
    const pause = () => delay(bound / 8, undefined, { signal }).catch(() => undefined);
    for (let silent = false; !signal.aborted; await pause()) {
      const now = clock.now();
      asking ??= this.caughtUp()
        .then(
          () => void (heardAt = now),
          () => undefined,
        )
        .finally(() => (asking = undefined));
      if (now - heardAt > bound === silent) continue;
      silent = !silent;
      const reason = `topic model-versions could not be read for longer than ${bound} ms`;
      if (silent) logger.error(reason);
      onSilence?.(silent ? reason : undefined);
    }
  }

  #take(key: string, event: ModelVersion): void {
    const { slots, verifier } = this.#options;
    if (key !== event.model) return this.#refuse(event, `it lies under the key of another model`);
    const refusal = verifier?.refusal(event);
    if (refusal !== undefined) return this.#refuse(event, refusal);
    const outcome = slots.apply(event);
    if (outcome === 'outdated') this.#refuse(event, 'a later epoch was announced before');
    if (outcome === 'contradicting') this.#refuse(event, 'its epoch was announced before with another bundle');
  }

  #refuse({ model, version, epoch }: ModelVersion, reason: string): void {
    const { logger, metrics, clock } = this.#options;
    this.#refused = { model: model.slice(0, longestShown), version, epoch, reason, at: clock.now() };
    metrics.increment('tidemill_version_events_refused_total');
    logger.error(this.#refused, 'a version event was refused; what serves goes on serving');
  }
}
