import type { ModelVersion } from '#libs/events';
import { type Logger, reasonOf, TidemillError } from '#libs/platform';
import type { Bundle, Manifest } from './bundle.ts';
import type { Lease, Serving } from './batch-job.ts';
import { modelError } from './errors.ts';
import { type HostPool, pause } from './host-pool.ts';

/** How far a slot is with one version event; the states of topic serving-status. */
export interface SlotProgress {
  event: ModelVersion;
  state: 'requested' | 'fetched' | 'verified' | 'warm' | 'serving' | 'failed' | 'superseded' | 'stale';
  device?: string;
  error?: string;
}

export interface SlotOptions {
  model: string;
  /** Brings the bundle's files to a local folder. */
  materialise: (digest: string, signal: AbortSignal) => Promise<string>;
  /** Verifies the folder against the digest, before anything in it is parsed as a model. */
  verify: (directory: string, digest: string) => Promise<Bundle>;
  /** Starts the hosts and proves them on the golden texts. */
  openHosts: (bundle: Bundle, events: { onChange: () => void; signal: AbortSignal }) => Promise<HostPool>;
  onProgress: (progress: SlotProgress) => void;
  /** Milliseconds after which a version that cannot be followed stops the one before from serving; 0 or absent: never. */
  maximumStaleness?: number;
  logger: Logger;
}

interface Loaded {
  event: ModelVersion;
  hosts: HostPool;
  serving: Serving;
  leases: number;
  drained: PromiseWithResolvers<void>;
}

const firstRetry = 200;
const longestRetry = 10_000;

/**
 * One model's place in an inference instance: the version that serves, and the blue/green hot swap to the next.
 * Events are applied when their epoch is higher; only the newest matters. The new version is fetched, verified and
 * warmed up beside the old one; the switch happens between two batches; the old one ends when its last batch is done.
 * Whatever fails, the old one keeps serving, or no longer than it may be outdated.
 */
export class ModelSlot {
  readonly #options: SlotOptions;
  #current: Loaded | undefined;
  #wanted: ModelVersion | undefined;
  /** The newest event that was followed, or could not be. */
  #attempted: ModelVersion | undefined;
  /** The event whose version is opened with the next text. */
  #deferred: ModelVersion | undefined;
  /** A text came while nothing was loaded. */
  #awaited = false;
  /** What was unloaded to be opened again when it is used. */
  #parked: Pick<Loaded, 'event' | 'serving'> | undefined;
  /** The event for which what served was unloaded. */
  #gaveWayTo: ModelVersion | undefined;
  #givingWay = false;
  #reopening: AbortController | undefined;
  #swapping: { controller: AbortController; done: Promise<void> } | undefined;
  /** Runs from the first version event that is not followed yet. */
  #staleness: NodeJS.Timeout | undefined;
  #stale: string | undefined;
  #busy = 0;
  #changed = Promise.withResolvers<void>();
  #closed = false;

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  /** What serves; it may have to be opened again first. */
  get serving(): Serving | undefined {
    return this.#current?.serving ?? this.#parked?.serving;
  }

  /** The newest version event seen, loaded or not. */
  get wanted(): ModelVersion | undefined {
    return this.#wanted;
  }

  /** The hosts of the version that serves. */
  get hosts(): HostPool | undefined {
    return this.#current?.hosts;
  }

  /** True while a version is being loaded, its predecessor drained, or a host started again. */
  get loading(): boolean {
    return this.#busy > 0 || this.#current?.hosts.restarting === true;
  }

  /** Something is loaded, or asked for. */
  get awaited(): boolean {
    return this.#current !== undefined || this.#awaited || this.#stale !== undefined;
  }

  /**
   * Takes note of a version event and starts loading it.
   * @returns why the event was not taken up, if it was not.
   */
  apply(event: ModelVersion): 'accepted' | 'repeated' | 'outdated' | 'contradicting' {
    const known = this.#wanted;
    if (known !== undefined && event.epoch < known.epoch) return 'outdated';
    if (known !== undefined && event.epoch === known.epoch)
      return event.bundleDigest === known.bundleDigest ? 'repeated' : 'contradicting';
    this.#wanted = event;
    this.#begin(event);
    return 'accepted';
  }

  /** Resolves when the newest version serves, could not be loaded for the first time, or is left for its first text. */
  async attempted(): Promise<void> {
    while (this.loading && this.#attempted !== this.#wanted) await this.#changed.promise;
  }

  /** Resolves when no load is under way. */
  async settled(): Promise<void> {
    while (this.loading) await this.#changed.promise;
  }

  /** Resolves when what serves, what is loading, or the hosts there are have changed. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }

  /**
   * The version that serves now; undefined while the first one is being loaded.
   * @throws TidemillError MODEL_NOT_SERVING when there is nothing to wait for; MODEL_STALE when it is outdated for longer
   * than it may be.
   */
  acquire(): Lease | undefined {
    if (this.#stale !== undefined) throw modelError('MODEL_STALE', { detail: this.#stale });
    const loaded = this.#current;
    if (loaded === undefined) {
      this.#awaited = true;
      if (this.#deferred !== undefined) this.#resume(this.#deferred);
      else if (!this.#givingWay) this.#reopen();
      if (this.#closed || !this.loading) throw modelError('MODEL_NOT_SERVING', { detail: this.#options.model });
      return undefined;
    }
    loaded.leases++;
    return {
      serving: loaded.serving,
      room: () => loaded.hosts.room,
      alive: () => loaded.hosts.alive > 0,
      idle: () => loaded.hosts.idle,
      answer: (texts) => loaded.hosts.answer(texts),
      release: () => {
        if (--loaded.leases === 0 && loaded !== this.#current) loaded.drained.resolve();
      },
    };
  }

  /**
   * Ends the hosts of what serves, when what they have at hand is answered; with the next use they are started again.
   * Only where it is in no use, unless `inUse`. Says whether it did.
   */
  async unload({ inUse }: { inUse: boolean }): Promise<boolean> {
    const loaded = this.#current;
    if (loaded === undefined || (loaded.leases > 0 && !inUse) || this.loading || this.#closed) return false;
    this.#awaited = false;
    await this.#work(this.#park(loaded));
    return true;
  }

  /**
   * Ends the hosts of what serves so that the next version, which is on its way, has their memory: texts wait. Should that
   * one fail it is opened again. Once for each version event. Says whether it did.
   */
  async giveWay(): Promise<boolean> {
    const loaded = this.#current;
    if (loaded === undefined || this.#closed || this.#wanted === this.#gaveWayTo) return false;
    this.#gaveWayTo = this.#wanted;
    this.#givingWay = true;
    this.#awaited = true;
    const { model, version } = loaded.serving;
    this.#options.logger.warn({ model, version }, 'unloaded before its successor is opened: both do not fit');
    await this.#park(loaded);
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#deferred = undefined;
    this.#reopening?.abort(modelError('VERSION_SUPERSEDED'));
    clearTimeout(this.#staleness);
    this.#swapping?.controller.abort(modelError('VERSION_SUPERSEDED'));
    while (this.#busy > 0) await this.#changed.promise;
    const loaded = this.#current;
    this.#current = undefined;
    if (loaded !== undefined) await drain(loaded);
    this.#announceChange();
  }

  #begin(event: ModelVersion): void {
    this.#deferred = undefined;
    this.#expectSwap();
    this.#swapping?.controller.abort(modelError('VERSION_SUPERSEDED'));
    const controller = new AbortController();
    // One load at a time: the cancelled one has let go of its memory before the next begins.
    const before = this.#swapping?.done ?? Promise.resolve();
    this.#swapping = { controller, done: this.#work(before.then(() => this.#swap(event, controller.signal))) };
  }

  /** The text waits for it, not for the version before, which is opened again should this one fail. */
  #resume(event: ModelVersion): void {
    this.#givingWay = true;
    this.#begin(event);
  }

  /** Nobody waits for it: that it does not serve yet leaves nothing outdated. */
  #defer(event: ModelVersion): void {
    this.#deferred = event;
    this.#attempted = event;
    clearTimeout(this.#staleness);
    this.#staleness = undefined;
    const { model, version, epoch } = event;
    this.#options.logger.info(
      { model, version, epoch },
      'a model version is opened with its first text: memory is short',
    );
  }

  #work(work: Promise<void>): Promise<void> {
    this.#busy++;
    return work.finally(() => {
      this.#busy--;
      this.#announceChange();
    });
  }

  async #swap(event: ModelVersion, signal: AbortSignal): Promise<void> {
    // Of a storm of events only the last one gets here.
    if (signal.aborted) return;
    this.#options.onProgress({ event, state: 'requested' });
    for (let delay = firstRetry; !signal.aborted; delay = Math.min(delay * 2, longestRetry)) {
      try {
        const loaded = await this.#open(event, signal);
        const old = this.#current;
        this.#current = loaded;
        this.#parked = undefined;
        this.#givingWay = false;
        this.#reopening?.abort(modelError('VERSION_SUPERSEDED'));
        this.#followed();
        this.#attempted = event;
        this.#announceChange();
        this.#options.onProgress({ event, state: 'serving', device: loaded.serving.device });
        if (old !== undefined) await drain(old);
        return;
      } catch (error) {
        if (this.#givingWay) this.#reopen();
        this.#givingWay = false;
        if (signal.aborted) break;
        if (error instanceof TidemillError && error.code === 'MODEL_DEFERRED') return this.#defer(event);
        this.#options.onProgress({ event, ...this.#failed(reasonOf(error)) });
        this.#options.logger.error(
          { model: event.model, version: event.version, epoch: event.epoch, reason: reasonOf(error) },
          'a model version could not be loaded; the one before keeps serving',
        );
        this.#attempted = event;
        if (!(error instanceof TidemillError && error.retriable)) return;
        this.#announceChange();
        await pause(delay, signal);
      }
    }
    if (!this.#closed)
      this.#options.onProgress({
        event,
        state: 'superseded',
        error: 'a newer version event arrived while it was loaded',
      });
  }

  async #park(loaded: Loaded): Promise<void> {
    this.#parked = { event: loaded.event, serving: loaded.serving };
    this.#current = undefined;
    await drain(loaded);
  }

  /** Opens what was unloaded, if something was; tried again until it is there, or another version is. */
  #reopen(): void {
    if (this.#parked === undefined || this.#reopening !== undefined || this.#closed) return;
    const { event } = this.#parked;
    const controller = new AbortController();
    const { signal } = controller;
    this.#reopening = controller;
    const work = async () => {
      for (let delay = firstRetry; !signal.aborted; delay = Math.min(delay * 2, longestRetry)) {
        try {
          const loaded = await this.#open(event, signal, () => undefined);
          if (signal.aborted) return await loaded.hosts.close();
          this.#current = loaded;
          this.#parked = undefined;
          return;
        } catch (error) {
          if (signal.aborted) return;
          const { model, version } = event;
          this.#options.logger.error({ model, version, reason: reasonOf(error) }, 'a model could not be loaded again');
          await pause(delay, signal);
        }
      }
    };
    void this.#work(work().finally(() => (this.#reopening = undefined)));
  }

  /** From now on the version that serves, if one does, is outdated. */
  #expectSwap(): void {
    const { maximumStaleness = 0 } = this.#options;
    if (this.serving !== undefined && maximumStaleness > 0)
      this.#staleness ??= setTimeout(() => this.#becomeStale(), maximumStaleness);
  }

  #becomeStale(): void {
    const event = this.#wanted;
    if (event === undefined || this.#closed) return;
    const old = String(this.serving?.version);
    this.#stale = `version ${event.version} could not be followed in time, and version ${old} may not serve in its place`;
    this.#options.onProgress({ event, state: 'stale', error: this.#stale });
    this.#options.logger.error({ model: event.model, version: event.version, epoch: event.epoch }, this.#stale);
  }

  /** One that stopped another from serving is told as that for as long as it does. */
  #failed(reason: string): Pick<SlotProgress, 'state' | 'error'> {
    if (this.#stale === undefined) return { state: 'failed', error: reason };
    return { state: 'stale', error: `${this.#stale}: ${reason}` };
  }

  #followed(): void {
    clearTimeout(this.#staleness);
    this.#staleness = undefined;
    this.#stale = undefined;
  }

  async #open(event: ModelVersion, signal: AbortSignal, onProgress = this.#options.onProgress): Promise<Loaded> {
    const report = (state: SlotProgress['state']) => onProgress({ event, state });
    const directory = await this.#options.materialise(event.bundleDigest, signal);
    // Who fetched it may have had it already, and not asked.
    signal.throwIfAborted();
    report('fetched');
    const bundle = await this.#options.verify(directory, event.bundleDigest);
    signal.throwIfAborted();
    report('verified');
    const hosts = await this.#options.openHosts(bundle, { onChange: () => this.#announceChange(), signal });
    report('warm');
    if (hosts.tokenizerFallback !== undefined)
      this.#options.logger.warn(
        { model: event.model, version: event.version, reason: hosts.tokenizerFallback },
        'token ids come from the library, which is slower',
      );
    const { model, version, epoch, bundleDigest } = event;
    const { labels, input } = bundle.manifest;
    const maximumLength = maximumLengthOf(input);
    const serving = { model, version, epoch, bundleDigest, labels, device: hosts.device, maximumLength };
    return { event, hosts, serving, leases: 0, drained: Promise.withResolvers() };
  }

  #announceChange(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}

/** Units of a text that cost anything. Of tokens one may be long, but not all. */
export function maximumLengthOf(input: Manifest['input']): number {
  return input.kind === 'utf16' ? input.maximumCharacters : 8 * input.maximumTokens;
}

async function drain(loaded: Loaded): Promise<void> {
  if (loaded.leases > 0) await loaded.drained.promise;
  await loaded.hosts.close();
}
