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
  /** Versions that were tried, under model@version, with the largest of their shares. */
  readonly #tried = new Map<string, TriedVersion>();

  /** Returns how the sources contradict each other, if they do. */
  add(promoted: PromotedVersion): string | undefined {
    const { model, version, epoch, bundleDigest, at } = promoted;
    const epochs = this.#models.get(model) ?? new Map<number, PromotedVersion>();
    this.#models.set(model, epochs);
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

  addChallenger(tried: TriedVersion): void {
    const name = versionName(tried.model, tried.version);
    this.#tried.set(name, { ...tried, share: Math.max(tried.share, this.#tried.get(name)?.share ?? 0) });
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

  /** Milliseconds since a later epoch was promoted; 0: there was none. */
  staleness({ model, epoch, inferredAt }: { model: string; epoch: number; inferredAt: number }): number {
    let staleness = 0;
    for (const later of this.#models.get(model)?.values() ?? [])
      if (later.epoch > epoch) staleness = Math.max(staleness, inferredAt - later.at);
    return staleness;
  }
}

function named({ version, bundleDigest }: { version: number; bundleDigest: string }): string {
  return `version ${version} (${bundleDigest.slice(0, 12)})`;
}
