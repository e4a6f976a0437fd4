import { evidenceOfGreater } from './evidence-of-greater.ts';

/** Labels of texts about which exactly one of two versions was right. */
export interface DiscordantLabels {
  onlyChampionRight: number;
  onlyChallengerRight: number;
}

/** On the labels of texts that champion and canary have both answered, by whose answer people were shown. */
export interface PairedCounts {
  labels: number;
  shownByChampion: DiscordantLabels;
  shownByChallenger: DiscordantLabels;
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
  /** How many times better the discordant labels are explained by what they look like than by "no better". */
  evidenceOfBetter: number;
  evidenceOfWorse: number;
}

/**
 * What the labels so far say of a canary. Looks at labels where exactly one version was right, and asks how often the
 * answer that was shown was the wrong one: the canary is better exactly when that is more often so where the champion's
 * answer was shown than where the canary's was. People who correct what they are shown label more of the wrong answers,
 * but more of both versions': that cancels, where counting all labels together would speak against whichever version is
 * shown more. A canary that is no better reaches 1 / errorRate with probability at most errorRate however often one looks,
 * and so does one that is no worse in the other direction; of one that is equally good at most two times the error rate
 * are called either.
 *
 * Assumes that which version is shown does not depend on the text, and that the chance of a label depends on whether the
 * shown answer was right, not on which version gave it. The evidence is a function of the counts alone, but labels that
 * are missing so far count as missing: those that come late must be as those that have come.
 * Source: as `evidenceOfGreater`.
 * @throws RangeError when the error rate is not between 0 and 1.
 */
export function canaryTrial(
  { labels, shownByChampion, shownByChallenger }: PairedCounts,
  { errorRate, minimumLabels, maximumLabels }: CanaryTrialOptions,
): CanaryTrial {
  if (!(errorRate > 0 && errorRate < 1)) throw new RangeError(`the error rate must be in (0, 1), got ${errorRate}`);
  /** How often the shown answer was the wrong one. */
  const champion = { yes: shownByChampion.onlyChallengerRight, no: shownByChampion.onlyChampionRight };
  const challenger = { yes: shownByChallenger.onlyChampionRight, no: shownByChallenger.onlyChallengerRight };
  // JSON has no infinity.
  const better = Math.min(Number.MAX_VALUE, evidenceOfGreater(champion, challenger));
  const worse = Math.min(Number.MAX_VALUE, evidenceOfGreater(challenger, champion));
  const evidence = { evidenceOfBetter: better, evidenceOfWorse: worse };
  if (labels < minimumLabels) return { verdict: 'undecided', ...evidence };
  if (worse >= 1 / errorRate) return { verdict: 'worse', ...evidence };
  if (better >= 1 / errorRate) return { verdict: 'better', ...evidence };
  return { verdict: labels >= maximumLabels ? 'no-difference' : 'undecided', ...evidence };
}
