import { evidenceOfWorse } from './evidence-of-worse.ts';

/** On the labels of texts that champion and canary have both answered. */
export interface PairedCounts {
  labels: number;
  onlyChampionRight: number;
  onlyCanaryRight: number;
}

export interface CanaryTrialOptions {
  /** Probability that a canary no better is ever called better, and that one no worse is ever called worse. */
  errorRate: number;
  /** Labels before any decision. */
  minimumLabels: number;
  /** Labels after which a canary that is neither is called no different. */
  maximumLabels: number;
}

export interface CanaryTrial {
  verdict: 'better' | 'worse' | 'no-difference' | 'undecided';
  /** How many times better "the canary is better" explains the discordant labels than "both are equally good". */
  evidenceOfBetter: number;
  evidenceOfWorse: number;
}

/**
 * What the labels so far say of a canary. Both hypotheses are tested by the evidence of the rollback watch, in both
 * directions: a canary that is no better reaches 1 / errorRate with probability at most errorRate however often one looks
 * (Ville's inequality), and so does one that is no worse in the other direction; of one that is equally good at most two
 * times the error rate are called either. The evidence is a function of the counts alone, so that labels may come in any
 * order, and late. Assumes that labels are not chosen, nor given, by what the versions answered.
 * Source: as `evidenceOfWorse`.
 * @throws RangeError when the error rate is not between 0 and 1.
 */
export function canaryTrial(counts: PairedCounts, options: CanaryTrialOptions): CanaryTrial {
  const { errorRate, minimumLabels, maximumLabels } = options;
  if (!(errorRate > 0 && errorRate < 1)) throw new RangeError(`the error rate must be in (0, 1), got ${errorRate}`);
  const { labels, onlyChampionRight, onlyCanaryRight } = counts;
  // JSON has no infinity.
  const worse = Math.min(Number.MAX_VALUE, evidenceOfWorse(onlyChampionRight, onlyCanaryRight));
  const better = Math.min(Number.MAX_VALUE, evidenceOfWorse(onlyCanaryRight, onlyChampionRight));
  const evidence = { evidenceOfBetter: better, evidenceOfWorse: worse };
  if (labels < minimumLabels) return { verdict: 'undecided', ...evidence };
  if (worse >= 1 / errorRate) return { verdict: 'worse', ...evidence };
  if (better >= 1 / errorRate) return { verdict: 'better', ...evidence };
  return { verdict: labels >= maximumLabels ? 'no-difference' : 'undecided', ...evidence };
}
