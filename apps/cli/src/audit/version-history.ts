import { type Prediction, versionName } from '#libs/events';
import { answeredByCanary } from '#libs/registry';

/** Since when which version of a model serves. */
export interface PromotedVersion {
  model: string;
  version: number;
  epoch: number;
  bundleDigest: string;
  /** Epoch milliseconds. */
  at: number;
}

/** A version that was tried beside a champion. */
export interface TriedVersion {
  model: string;
  version: number;
  bundleDigest: string;
  /** The share of the texts that it answered as a canary; 0: it was a shadow. */
  share: number;
}

/** Clocks of two machines may differ by this many milliseconds. */
const clockSkew = 2000;

/** Every epoch of every model, from as many sources as tell of it. */
export class VersionHistory {
  readonly #models = new Map<string, Map<number, PromotedVersion>>();
  /** Model to its epochs and when the first later one was promoted; made when it is asked for. */
  readonly #superseded = new Map<string, ReadonlyMap<number, number>>();
  /** Versions that were tried, under model@version, with the largest of their shares. */
  readonly #tried = new Map<string, TriedVersion & { endedAt: number }>();

  /** Returns how the sources contradict each other, if they do. */
  add(promoted: PromotedVersion): string | undefined {
    const { model, version, epoch, bundleDigest, at } = promoted;
    const epochs = this.#models.get(model) ?? new Map<number, PromotedVersion>();
    this.#models.set(model, epochs);
    this.#superseded.delete(model);
    const known = epochs.get(epoch);
    if (known === undefined) {
      epochs.set(epoch, promoted);
      return undefined;
    }
    if (known.version !== version || known.bundleDigest !== bundleDigest)
      return `epoch ${epoch} of ${model} is told as ${named(known)} and as ${named(promoted)}`;
    // The registry decides first and announces later.
    epochs.set(epoch, { ...known, at: Math.min(known.at, at) });
    return undefined;
  }

  /** Call this and `endTrial` in the order of the registry's log. */
  addChallenger(tried: TriedVersion): void {
    const name = versionName(tried.model, tried.version);
    const share = Math.max(tried.share, this.#tried.get(name)?.share ?? 0);
    this.#tried.set(name, { ...tried, share, endedAt: Infinity });
  }

  /** `version` undefined: of the canary, whichever it is. */
  endTrial({ model, version, at }: { model: string; version?: number; at: number }): void {
    for (const tried of this.#tried.values())
      if (tried.model === model && (version === undefined ? tried.share > 0 : tried.version === version))
        tried.endedAt = Math.min(tried.endedAt, at);
  }

  knows(model: string): boolean {
    return this.#models.has(model);
  }

  /** When the first version of a model was promoted, epoch milliseconds; Infinity: none ever was. */
  firstPromotion(model: string): number {
    let first = Infinity;
    for (const { at } of this.#models.get(model)?.values() ?? []) first = Math.min(first, at);
    return first;
  }

  /** What is wrong with the version that an answer names. */
  refute(
    answer: Pick<Prediction, 'textId' | 'model' | 'version' | 'epoch' | 'bundleDigest' | 'inferredAt' | 'role'>,
  ): string | undefined {
    const promoted = this.#models.get(answer.model)?.get(answer.epoch);
    if (promoted === undefined) return `epoch ${answer.epoch} of ${answer.model} was never promoted`;
    const { model, version, bundleDigest, role } = answer;
    const ofChampion = promoted.version === version && promoted.bundleDigest === bundleDigest;
    // What a canary answers, the champion answers as its shadow.
    const tried = this.#tried.get(versionName(model, version));
    const ofChallenger = role !== 'champion' && tried?.bundleDigest === bundleDigest;
    if (role === 'canary') {
      if (!ofChallenger) return `${named(answer)} was never tried`;
      const { share } = tried;
      // A larger share only adds texts: what the largest leaves out no smaller one has.
      if (!answeredByCanary(model, answer.textId, share))
        return `the text is not of the share (${share}) that ${named(answer)} had as a canary`;
    }
    if (!ofChampion && !ofChallenger) return `epoch ${answer.epoch} is ${named(promoted)}, not ${named(answer)}`;
    if (answer.inferredAt < promoted.at - clockSkew)
      return `epoch ${answer.epoch} answered ${promoted.at - answer.inferredAt} ms before it was promoted`;
    return undefined;
  }

  /** Milliseconds for which an answer came too late: a later epoch was promoted, or the trial of its canary had ended. */
  staleness(answer: Pick<Prediction, 'model' | 'version' | 'epoch' | 'role' | 'inferredAt'>): number {
    const { model, version, epoch, role, inferredAt } = answer;
    // A shadow scores what was answered before.
    let until: number | undefined;
    if (role === 'champion') until = this.#supersededAt(model, epoch);
    if (role === 'canary') until = this.#tried.get(versionName(model, version))?.endedAt;
    return Math.max(0, inferredAt - (until ?? Infinity));
  }

  #supersededAt(model: string, epoch: number): number | undefined {
    const known = this.#superseded.get(model);
    if (known !== undefined) return known.get(epoch);
    const superseded = new Map<number, number>();
    let earliest = Infinity;
    const epochs = [...(this.#models.get(model)?.values() ?? [])].toSorted((a, b) => b.epoch - a.epoch);
    for (const promoted of epochs) {
      superseded.set(promoted.epoch, earliest);
      earliest = Math.min(earliest, promoted.at);
    }
    this.#superseded.set(model, superseded);
    return superseded.get(epoch);
  }
}

function named({ version, bundleDigest }: { version: number; bundleDigest: string }): string {
  return `version ${version} (${bundleDigest.slice(0, 12)})`;
}
