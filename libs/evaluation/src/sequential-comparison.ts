import { evidenceOfWorse } from './evidence-of-worse.ts';

export interface SequentialOptions {
  /** Probability that a version no worse than the old one is ever called worse, however often one looks. */
  errorRate: number;
  /** Labels before any decision. Default 0. */
  minimumLabels?: number;
  /** The fall of accuracy on the labels so far that is worth a decision. Default 0: any. */
  minimumFall?: number;
}

export interface SequentialState {
  /** True from the first label on at which all conditions held; never taken back. */
  worse: boolean;
  labels: number;
  onlyOldRight: number;
  onlyNewRight: number;
  /** How many times better "the new one is worse" explains the discordant labels than "it is not". */
  evidence: number;
  /** Anytime-valid p-value: 1 / the largest evidence so far, at most 1. */
  pValue: number;
  /** Accuracy of the old version less that of the new one on the labels so far. */
  accuracyFall: number;
}

/**
 * Watches whether a new version is clearly worse than the old one on the same labels, deciding after every label if
 * wished. Looks only at labels where exactly one of the two is right. If the new version is no worse, each of them goes
 * to the old one with probability at most 1/2, and the evidence (see `evidenceOfWorse`) is a supermartingale that starts
 * at 1: it ever reaches 1 / errorRate with probability at most errorRate (Ville's inequality), so no correction for
 * looking often is needed. Labels must not be chosen by what the versions answered.
 * Source: Robbins, Annals of Mathematical Statistics 1970; Ramdas et al., Statistical Science 2023.
 */
export class SequentialComparison {
  readonly #options: Required<SequentialOptions>;
  #state: SequentialState = start;
  #most = 1;

  /** @throws RangeError when the error rate is not between 0 and 1. */
  constructor({ errorRate, minimumLabels = 0, minimumFall = 0 }: SequentialOptions) {
    if (!(errorRate > 0 && errorRate < 1)) throw new RangeError(`the error rate must be in (0, 1), got ${errorRate}`);
    this.#options = { errorRate, minimumLabels, minimumFall };
  }

  /** One label: which of the two versions was right. */
  update({ oldRight, newRight }: { oldRight: boolean; newRight: boolean }): SequentialState {
    const { errorRate, minimumLabels, minimumFall } = this.#options;
    const labels = this.#state.labels + 1;
    const onlyOldRight = this.#state.onlyOldRight + (oldRight && !newRight ? 1 : 0);
    const onlyNewRight = this.#state.onlyNewRight + (newRight && !oldRight ? 1 : 0);
    const evidence = oldRight === newRight ? this.#state.evidence : evidenceOfWorse(onlyOldRight, onlyNewRight);
    this.#most = Math.max(this.#most, evidence);
    const accuracyFall = (onlyOldRight - onlyNewRight) / labels;
    const enough = labels >= minimumLabels && accuracyFall > 0 && accuracyFall >= minimumFall;
    const worse = this.#state.worse || (enough && evidence >= 1 / errorRate);
    this.#state = { worse, labels, onlyOldRight, onlyNewRight, evidence, pValue: 1 / this.#most, accuracyFall };
    return this.#state;
  }

  get(): SequentialState {
    return this.#state;
  }

  reset(): void {
    this.#state = start;
    this.#most = 1;
  }
}

const start: SequentialState = {
  worse: false,
  labels: 0,
  onlyOldRight: 0,
  onlyNewRight: 0,
  evidence: 1,
  pValue: 1,
  accuracyFall: 0,
};
