import { constants, setPriority } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { ModelVersion, Prediction } from '#libs/events';
import {
  DynamicBatcher,
  modelError,
  ModelSlot,
  readBundle,
  type SlotProgress,
  type Bundle,
  type HostPool,
  type ModelHost,
  type StartHost,
} from '#libs/model';
import {
  type Clock,
  type Configuration,
  EventLoopWatch,
  type Logger,
  type Metrics,
  milliseconds,
} from '#libs/platform';
import { Challenger, type ToldChallenger } from './challengers/challenger.ts';
import { Challengers, type ChallengerStatus } from './challengers/challengers.ts';
import { MemoryBudget } from './memory-budget.ts';
import { openHosts, type OpenHostsOptions } from './open-hosts.ts';

/** What a slot needs from the outside. */
export interface ModelSlotsOptions {
  config: Configuration['inference'];
  /** Brings a bundle to a local folder by its digest. */
  materialise: (digest: string, signal: AbortSignal) => Promise<string>;
  onProgress: (progress: SlotProgress) => void;
  /** Starts the process of a host. */
  startHost: StartHost;
  /** Writes predictions of role shadow. */
  publishShadows: (predictions: Prediction[]) => Promise<void>;
  logger: Logger;
  metrics: Metrics;
  clock: Clock;
}

/** One model in this instance. */
export interface ServedModel {
  slot: ModelSlot;
  batcher: DynamicBatcher;
  challengers: Challengers;
  /** When a text was last given to it. */
  usedAt: number;
  /** When the hosts of its champion were started. */
  loadedAt: number;
}

/** Models that do not fit together take turns: one that was loaded stays at least this long, in milliseconds. */
const shortestStay = 10_000;

/** Every model this instance serves: one slot and one batcher each, shared by the stream and by synchronous requests. */
export class ModelSlots {
  readonly #options: ModelSlotsOptions;
  readonly #models = new Map<string, ServedModel>();
  /** The newest event of each model. */
  readonly #told = new Map<string, ModelVersion>();
  /** Watches while texts are answered. */
  readonly eventLoop: EventLoopWatch;
  /** Of all hosts of this instance. */
  readonly budget: MemoryBudget;
  readonly #timer: NodeJS.Timeout | undefined;
  #outOfTouch: string | undefined;

  constructor(options: ModelSlotsOptions) {
    this.#options = options;
    this.eventLoop = new EventLoopWatch(options.metrics);
    const { memoryBudgetMegabytes, idleUnload } = options.config;
    this.budget = new MemoryBudget(memoryBudgetMegabytes * 1024 ** 2);
    const idle = milliseconds(idleUnload);
    options.metrics.onRender(() => this.#measure());
    if (idle > 0) this.#timer = setInterval(() => void this.#unloadIdle(idle), Math.max(100, idle / 4)).unref();
  }

  /** Applies a version event, making the slot if the model is new here; says why not, if not. */
  apply(event: ModelVersion): ReturnType<ModelSlot['apply']> {
    const outcome = this.#follow(event);
    const { model, version, epoch, revision, challengers } = event;
    this.#options.logger.info({ model, version, epoch, revision, challengers, outcome }, 'model version event');
    return outcome;
  }

  get(model: string): ServedModel | undefined {
    return this.#models.get(model);
  }

  /** Names of the models with a slot, sorted. */
  names(): string[] {
    return [...this.#models.keys()].toSorted();
  }

  /** Why nothing may serve, because newer versions may have been announced; undefined: it may again. */
  set outOfTouch(reason: string | undefined) {
    this.#outOfTouch = reason;
  }

  /** True while a version is being loaded. */
  get loading(): boolean {
    return [...this.#models.values()].some(({ slot }) => slot.loading);
  }

  get challengers(): ChallengerStatus[] {
    return [...this.#models.values()].flatMap(({ challengers }) => challengers.statuses);
  }

  /** Resolves when every load under way has ended, well or badly. */
  async settled(): Promise<void> {
    await Promise.all([...this.#models.values()].map(({ slot }) => slot.settled()));
  }

  /** Resolves when every champion serves, has failed once, or is left for its first text. */
  async attempted(): Promise<void> {
    await Promise.all([...this.#models.values()].map(({ slot }) => slot.attempted()));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const { batcher } of this.#models.values()) batcher.close();
    await Promise.all(
      [...this.#models.values()].flatMap(({ slot, challengers }) => [challengers.close(), slot.close()]),
    );
  }

  #follow(event: ModelVersion): ReturnType<ModelSlot['apply']> {
    const known = this.#told.get(event.model);
    if (known !== undefined && known.epoch === event.epoch) {
      if (event.revision < known.revision) return 'outdated';
      const same = isDeepStrictEqual(event.challengers, known.challengers);
      if (event.revision === known.revision && !same) return 'contradicting';
    }
    const { slot, challengers } = this.#models.get(event.model) ?? this.#add(event.model);
    const outcome = slot.apply(event);
    // The champion stays; what is tried beside it may be another.
    const goesOn = outcome === 'repeated' && event.revision > (known?.revision ?? -1);
    if (outcome !== 'accepted' && !goesOn) return outcome;
    this.#told.set(event.model, event);
    challengers.apply(event);
    return 'accepted';
  }

  #add(model: string): ServedModel {
    const { config, materialise, startHost, publishShadows, onProgress, logger, metrics, clock } = this.#options;
    const slot = new ModelSlot({
      model,
      materialise,
      verify: readBundle,
      openHosts: async (bundle, events) => {
        const makeRoom = () => this.#makeRoom(model);
        const opened = await this.#openHosts(bundle, { hosts: config.hosts, start: startHost, makeRoom, ...events });
        served.loadedAt = clock.now();
        challengers.load();
        return opened;
      },
      onProgress,
      maximumStaleness: milliseconds(config.maximumStaleness),
      logger,
    });
    const batcher = this.#batcher(model, slot);
    const challengers = new Challengers({
      model,
      champion: { slot, batcher },
      open: (...told) => this.#openChallenger(...told),
      publish: publishShadows,
      maximumQueuedTexts: config.shadowQueueTexts,
      logger,
      metrics,
    });
    const served = { slot, batcher, challengers, usedAt: clock.now(), loadedAt: -Infinity };
    this.#models.set(model, served);
    return served;
  }

  /** A slot like the champion's, with one host; topic serving-status does not tell of it, because nobody waits for it. */
  #openChallenger(told: ToldChallenger, event: ModelVersion, after: Promise<unknown>): Challenger {
    const { config, materialise, startHost, logger, clock } = this.#options;
    const { model } = event;
    const slot = new ModelSlot({
      model,
      async materialise(digest, signal) {
        await after;
        signal.throwIfAborted();
        return await materialise(digest, signal);
      },
      verify: readBundle,
      openHosts: (bundle, events) =>
        this.#openHosts(bundle, {
          hosts: 1,
          start: told.role === 'shadow' ? givingWay(startHost) : startHost,
          onOpen: (host) => challenger.onHost(host),
          makeRoom: () => Promise.resolve(false),
          ...events,
        }),
      onProgress: (progress) => challenger.onProgress(progress),
      logger,
    });
    const batcher = this.#batcher(model, slot);
    const timeout = milliseconds(config.canaryTimeout);
    const challenger = new Challenger({ model, told, slot, batcher, timeout, clock, logger });
    const { version, bundleDigest } = told;
    slot.apply({ ...event, version, bundleDigest, challengers: [] });
    return challenger;
  }

  #openHosts(
    bundle: Bundle,
    {
      makeRoom,
      onOpen,
      ...options
    }: Omit<OpenHostsOptions, 'config' | 'metrics' | 'logger'> & { makeRoom: () => Promise<boolean> },
  ): Promise<HostPool> {
    const { config, metrics, logger } = this.#options;
    const open = (hold: (host: ModelHost) => void) =>
      openHosts(bundle, {
        config,
        metrics,
        logger,
        onOpen(host) {
          hold(host);
          onOpen?.(host);
        },
        ...options,
      });
    return this.budget.open(bundle, { hosts: options.hosts, open, makeRoom });
  }

  #measure(): void {
    const { metrics } = this.#options;
    for (const [model, { slot, batcher, challengers }] of this.#models) {
      const { alive = 0, residentBytes = 0 } = slot.hosts ?? {};
      metrics.set('tidemill_inference_queue_texts', batcher.queuedTexts, { model });
      metrics.set('tidemill_model_hosts', alive, { model });
      metrics.set('tidemill_model_host_memory_bytes', residentBytes + challengers.residentBytes, { model });
    }
  }

  /**
   * For a champion: challengers go first, then idle models, then the version that it replaces, then busy models. For a
   * challenger nothing goes.
   */
  async #makeRoom(model: string): Promise<boolean> {
    const challengers = [...this.#models.values()].map((served) => served.challengers);
    for (const one of challengers) if (await one.ended()) return true;
    if (this.#models.get(model)?.slot.awaited !== true) throw modelError('MODEL_DEFERRED');
    for (const role of ['shadow', 'canary']) for (const one of challengers) if (await one.giveUpOne(role)) return true;
    if (await this.#unloadOther(model, { inUse: false })) return true;
    if ((await this.#models.get(model)?.slot.giveWay()) === true) return true;
    return await this.#unloadOther(model, { inUse: true });
  }

  /** The one that was used least recently, of those that have stayed long enough, or for nobody. */
  async #unloadOther(model: string, use: { inUse: boolean }): Promise<boolean> {
    const before = this.#options.clock.now() - shortestStay;
    const others = [...this.#models].filter(
      ([name, { loadedAt, usedAt }]) =>
        name !== model && (usedAt < loadedAt || (loadedAt <= before && (use.inUse || usedAt <= before))),
    );
    for (const [, { slot }] of others.toSorted(([, a], [, b]) => a.usedAt - b.usedAt))
      if (await slot.unload(use)) return true;
    return false;
  }

  async #unloadIdle(idle: number): Promise<void> {
    const before = this.#options.clock.now() - idle;
    for (const { slot, challengers, usedAt } of this.#models.values()) {
      if (usedAt > before) continue;
      await slot.unload({ inUse: false });
      if (!slot.loading && slot.hosts === undefined) challengers.unload();
    }
  }

  #batcher(model: string, slot: ModelSlot): DynamicBatcher {
    const { config, metrics, clock } = this.#options;
    return new DynamicBatcher({
      acquire: () => {
        if (this.#outOfTouch !== undefined) throw modelError('MODEL_STALE', { detail: this.#outOfTouch });
        const served = this.#models.get(model);
        if (served?.slot === slot) served.usedAt = clock.now();
        return slot.acquire();
      },
      changed: () => slot.changed(),
      maximumBatchTokens: config.maximumBatchTokens,
      maximumBatchTime: milliseconds(config.maximumBatchTime),
      maximumQueuedTexts: config.maximumQueuedTexts,
      clock,
      onBatch: (batch) => {
        // A text that challengers score too counts once.
        if (this.#models.get(model)?.slot !== slot) return;
        metrics.observe('tidemill_inference_batch_texts', batch.texts, { model });
        metrics.increment('tidemill_texts_truncated_total', { model }, batch.truncated);
        metrics.increment('tidemill_inference_tokens_total', { model }, batch.columns.needed);
        metrics.increment('tidemill_inference_padded_tokens_total', { model }, batch.columns.run);
        metrics.observe('tidemill_inference_batch_seconds', batch.milliseconds / 1000, { model });
        metrics.increment('tidemill_model_host_busy_seconds_total', { model }, batch.hostMilliseconds / 1000);
      },
    });
  }
}

/** From its first moment on, a shadow gives way to those that are waited for. */
function givingWay(start: StartHost): StartHost {
  return async (module) => {
    const host = await start(module);
    setPriority(host.pid, constants.priority.PRIORITY_LOW);
    return host;
  };
}
