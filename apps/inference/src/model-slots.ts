import type { ModelVersion } from '#libs/events';
import { type BatchResult, DynamicBatcher, ModelSlot, readBundle, type Serving, type SlotProgress } from '#libs/model';
import { type Clock, type Configuration, type Logger, type Metrics, milliseconds } from '#libs/platform';
import { openHosts } from './open-hosts.ts';

/** What a slot needs from the outside. */
export interface ModelSlotsOptions {
  config: Configuration['inference'];
  /** Brings a bundle to a local folder by its digest. */
  materialise: (digest: string, signal: AbortSignal) => Promise<string>;
  onProgress: (progress: SlotProgress) => void;
  logger: Logger;
  metrics: Metrics;
  clock: Clock;
}

/** One model in this instance. */
export interface ServedModel {
  slot: ModelSlot;
  batcher: DynamicBatcher;
}

/** Every model this instance serves: one slot and one batcher each, shared by the stream and by synchronous requests. */
export class ModelSlots {
  readonly #options: ModelSlotsOptions;
  readonly #models = new Map<string, ServedModel>();

  constructor(options: ModelSlotsOptions) {
    this.#options = options;
  }

  /** Applies a version event, making the slot if the model is new here; says why not, if not. */
  apply(event: ModelVersion): ReturnType<ModelSlot['apply']> {
    const served = this.#models.get(event.model) ?? this.#add(event.model);
    const outcome = served.slot.apply(event);
    const { model, version, epoch } = event;
    this.#options.logger.info({ model, version, epoch, outcome }, 'model version event');
    return outcome;
  }

  get(model: string): ServedModel | undefined {
    return this.#models.get(model);
  }

  /** Names of the models with a slot, sorted. */
  names(): string[] {
    return [...this.#models.keys()].toSorted();
  }

  /** Models of which no version serves yet. */
  notServing(): string[] {
    return this.names().filter((name) => this.#models.get(name)?.slot.serving === undefined);
  }

  /** True while a version is being loaded. */
  get loading(): boolean {
    return [...this.#models.values()].some(({ slot }) => slot.loading);
  }

  /** Resolves when every load under way has ended, well or badly. */
  async settled(): Promise<void> {
    await Promise.all([...this.#models.values()].map(({ slot }) => slot.settled()));
  }

  async close(): Promise<void> {
    for (const { batcher } of this.#models.values()) batcher.close();
    await Promise.all([...this.#models.values()].map(({ slot }) => slot.close()));
  }

  #add(model: string): ServedModel {
    const { config, materialise, onProgress, logger, metrics, clock } = this.#options;
    const slot = new ModelSlot({
      model,
      materialise,
      verify: readBundle,
      openHosts: (bundle, events) => openHosts(bundle, { config, hosts: config.hosts, metrics, logger, ...events }),
      onProgress,
      maximumStaleness: milliseconds(config.maximumStaleness),
      logger,
    });
    const batcher = new DynamicBatcher({
      acquire: () => slot.acquire(),
      changed: () => slot.changed(),
      maximumBatchTokens: config.maximumBatchTokens,
      maximumBatchTime: milliseconds(config.maximumBatchTime),
      maximumQueuedTexts: config.maximumQueuedTexts,
      clock,
      onBatch: (batch) => {
        metrics.observe('tidemill_inference_batch_texts', batch.texts, { model });
        metrics.increment('tidemill_texts_truncated_total', { model }, batch.truncated);
        metrics.observe('tidemill_inference_batch_seconds', batch.milliseconds / 1000, { model });
        metrics.increment('tidemill_model_host_busy_seconds_total', { model }, batch.hostMilliseconds / 1000);
        metrics.set('tidemill_inference_queue_texts', batcher.queuedTexts, { model });
        metrics.set('tidemill_model_host_memory_bytes', slot.hosts?.residentBytes ?? 0, { model });
      },
    });
    const served = { slot, batcher };
    this.#models.set(model, served);
    return served;
  }
}

/** The answer for one text of a batch. */
export interface TextAnswer {
  label: string;
  confidence: number;
  /** Class to probability, in the order of the model's labels. */
  probabilities: Record<string, number>;
  truncated: boolean;
}

type Answered = Pick<BatchResult, 'probabilities' | 'truncated'> & { serving: Pick<Serving, 'labels'> };

/** Row `index` of a batch result in words. */
export function answerOf(result: Answered, index: number): TextAnswer {
  const { labels } = result.serving;
  const probabilities: Record<string, number> = {};
  let best = 0;
  let confidence = -1;
  for (const [i, label] of labels.entries()) {
    const probability = result.probabilities[index * labels.length + i] ?? 0;
    probabilities[label] = probability;
    if (probability > confidence) [best, confidence] = [i, probability];
  }
  return { label: labels[best] ?? '', confidence, probabilities, truncated: result.truncated[index] === 1 };
}
