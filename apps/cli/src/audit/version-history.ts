import { type Prediction, versionName } from '#libs/events';

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
}

/** Clocks of two machines may differ by this many milliseconds. */
const clockSkew = 2000;

/** Every epoch of every model, from as many sources as tell of it. */
export class VersionHistory {
  readonly #models = new Map<string, Map<number, PromotedVersion>>();
  /** Bundles of the versions that were tried, under model@version. */
  readonly #tried = new Map<string, string>();

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

  addChallenger({ model, version, bundleDigest }: TriedVersion): void {
    this.#tried.set(versionName(model, version), bundleDigest);
  }

  /** What is wrong with the version that an answer names. */
  refute(
    answer: Pick<Prediction, 'model' | 'version' | 'epoch' | 'bundleDigest' | 'inferredAt' | 'role'>,
  ): string | undefined {
    const promoted = this.#models.get(answer.model)?.get(answer.epoch);
    if (promoted === undefined) return `epoch ${answer.epoch} of ${answer.model} was never promoted`;
    const { model, version, bundleDigest, role } = answer;
    const ofChampion = promoted.version === version && promoted.bundleDigest === bundleDigest;
    // What a canary answers, the champion answers as its shadow.
    const ofChallenger = role !== 'champion' && this.#tried.get(versionName(model, version)) === bundleDigest;
    if (!ofChallenger && role === 'canary') return `${named(answer)} was never tried`;
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
