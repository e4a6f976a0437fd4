import { type ModelVersion, type Prediction, versionName } from '#libs/events';
import type { BatchResult, DynamicBatcher, ModelSlot, Serving } from '#libs/model';
import type { Logger, Metrics } from '#libs/platform';
import { answeredByCanary } from '#libs/registry';
import type { Challenger, ToldChallenger } from './challenger.ts';
import { ShadowQueue, type ShadowText } from './shadow-queue.ts';

export interface ChallengersOptions {
  model: string;
  champion: { slot: ModelSlot; batcher: DynamicBatcher };
  /** Begins to load it when `after` has resolved. */
  open: (told: ToldChallenger, event: ModelVersion, after: Promise<unknown>) => Challenger;
  /** Writes predictions of role shadow. */
  publish: (predictions: Prediction[]) => Promise<void>;
  maximumQueuedTexts: number;
  logger: Logger;
  metrics: Metrics;
}

interface Tried {
  challenger: Challenger;
  queue: ShadowQueue;
}

/** Of one challenger, for `/v1/status`. */
export interface ChallengerStatus extends Pick<ToldChallenger, 'version' | 'role' | 'share'> {
  model: string;
  state: 'answering' | 'loading' | 'failed';
  error: string | null;
  hostPid: number | null;
  queuedTexts: number;
}

/** Texts in one run for comparison: a text that waits for its answer waits for at most one of them. */
const batchTexts = 64;

/**
 * The versions of one model that are tried beside its champion. A canary's texts are scored by the champion too, and the
 * others by the canary, so that the two can be compared on every text; shadows score all of them. All of that happens after
 * the answer has been given, and is left out where it cannot keep up.
 */
export class Challengers {
  readonly #options: ChallengersOptions;
  readonly #tried = new Map<string, Tried>();
  /** Resolves when all that are told no longer have ended. */
  #ending: Promise<unknown> | undefined;
  #told: ModelVersion | undefined;
  /** What a canary has answered, for the champion to score. */
  readonly #ofCanary: ShadowQueue;

  constructor(options: ChallengersOptions) {
    this.#options = options;
    const { slot, batcher } = options.champion;
    this.#ofCanary = this.#queue(async (texts) =>
      slot.serving === undefined ? undefined : await batcher.submit(texts, 'bulk'),
    );
  }

  get statuses(): ChallengerStatus[] {
    return [...this.#tried.values()].map(({ challenger, queue }) => {
      const { version, role, share } = challenger.told;
      const { model } = this.#options;
      return { model, version, role, share, ...challenger.state, queuedTexts: queue.length };
    });
  }

  get residentBytes(): number {
    return [...this.#tried.values()].reduce((sum, { challenger }) => sum + challenger.residentBytes, 0);
  }

  /** Ends those that are loaded, until `load`: the champion is unloaded, and there is nobody to compare them with. */
  unload(): void {
    for (const [key, { challenger }] of this.#tried) if (!challenger.givenUp) this.#drop(key);
  }

  /** Brings back what `unload` has ended. */
  load(): void {
    if (this.#told !== undefined) this.apply(this.#told);
  }

  /** Resolves when those that are told no longer have let go of their memory. Says whether there were any. */
  async ended(): Promise<boolean> {
    const ending = this.#ending;
    await ending;
    if (this.#ending === ending) this.#ending = undefined;
    return ending !== undefined;
  }

  /** To make room for a champion. Says whether there was one. */
  async giveUpOne(role: string): Promise<boolean> {
    const one = [...this.#tried.values()].find(
      ({ challenger }) => challenger.told.role === role && challenger.residentBytes > 0,
    );
    await one?.challenger.giveUp('its memory was needed');
    return one !== undefined;
  }

  /** Opens what is told anew and ends what is told no longer. */
  apply(event: ModelVersion): void {
    this.#told = event;
    const told = new Map(event.challengers.map((challenger) => [keyOf(challenger, event), challenger]));
    for (const [key, { challenger }] of this.#tried) {
      const again = told.get(key);
      // What is decided about others is no new chance for one that was given up; another share is.
      if (again === undefined || (challenger.givenUp && again.share !== challenger.told.share)) this.#drop(key);
      else {
        challenger.share = again.share;
        told.delete(key);
      }
    }
    for (const [key, one] of told) {
      const challenger = this.#options.open(one, event, this.#ending ?? Promise.resolve());
      const queue = this.#queue((texts) => challenger.score(texts), one.version);
      this.#tried.set(key, { challenger, queue });
    }
  }

  /** The canary that answers a text; undefined: the champion does. */
  canaryFor(textId: string): Challenger | undefined {
    const { model, champion } = this.#options;
    for (const { challenger } of this.#tried.values()) {
      const { role, share } = challenger.told;
      if (role !== 'canary' || !answeredByCanary(model, textId, share)) continue;
      // It is compared with the champion of its epoch: until that one serves, nothing of it does.
      return champion.slot.serving?.epoch === this.#told?.epoch ? challenger : undefined;
    }
    return undefined;
  }

  /** Lets all but the version that answered score the texts. */
  scoreBeside(
    { version, epoch }: Pick<Serving, 'version' | 'epoch'>,
    role: 'champion' | 'canary',
    texts: () => ShadowText[],
  ): void {
    if (this.#tried.size === 0 && role === 'champion') return;
    const scored = texts();
    for (const { challenger, queue } of this.#tried.values())
      if (challenger.told.version !== version) queue.offer(scored);
    // What the champion of another epoch says is no pair.
    const pair = ({ predict, text }: ShadowText): ShadowText => ({
      text,
      predict: (result, row) => (result.serving.epoch === epoch ? predict(result, row) : undefined),
    });
    if (role === 'canary') this.#ofCanary.offer(scored.map(pair));
  }

  async close(): Promise<void> {
    this.#ofCanary.close();
    await Promise.all([...this.#tried.values()].map((tried) => this.#end(tried)));
  }

  #drop(key: string): void {
    const tried = this.#tried.get(key);
    if (tried === undefined) return;
    this.#tried.delete(key);
    // They let go of their memory before others are loaded; and of a storm of events only the last one's are.
    this.#ending = Promise.all([this.#ending, this.#end(tried)]);
  }

  #end({ challenger, queue }: Tried): Promise<void> {
    queue.close();
    return challenger.close().catch((error: unknown) => {
      this.#options.logger.warn({ version: challenger.told.version, error }, 'a challenger did not end as it should');
    });
  }

  #queue(score: (texts: readonly string[]) => Promise<BatchResult | undefined>, version?: number): ShadowQueue {
    const { model, champion, publish, metrics, maximumQueuedTexts, logger } = this.#options;
    const labels = () => ({ model, version: version ?? champion.slot.serving?.version ?? 0 });
    return new ShadowQueue({
      score,
      publish,
      onShed: (texts) => metrics.increment('tidemill_shadow_shed_total', labels(), texts),
      onScored: (texts) => metrics.increment('tidemill_shadow_predictions_total', labels(), texts),
      maximumTexts: maximumQueuedTexts,
      maximumBatchTexts: batchTexts,
      logger,
    });
  }
}

/**
 * In another role it is another process: a shadow's has a lower priority. A canary answers under the epoch that it was
 * loaded for.
 */
function keyOf({ version, bundleDigest, role }: ToldChallenger, { epoch }: ModelVersion): string {
  return `${role} ${role === 'canary' ? epoch : ''} ${versionName(bundleDigest, version)}`;
}
