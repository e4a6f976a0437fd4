import { binomialProbability, binomialSurvival, binomialTest } from '#libs/statistics';

export interface McNemar {
  /** Two-sided, exact: are the two versions as often right on texts where only one is? */
  pValue: number;
  /** One-sided mid-p of "the challenger is no better": small when it is better. */
  pValueBetter: number;
  /** One-sided mid-p of "the challenger is no worse": small when it is worse. */
  pValueWorse: number;
}

/**
 * McNemar's test from the discordant texts, which only one of two versions answered right: a fair coin decides which if
 * the versions are equally good. The two-sided p-value is exact; the one-sided ones are mid-p-values (half the
 * probability of the observed count), which keep the nominal rate on average where the exact ones are too careful.
 * Without discordant texts all are 1, 1/2 and 1/2: nothing speaks for either.
 * Source: McNemar, Psychometrika 1947; Fagerland, Lydersen and Laake, BMC Med. Res. Methodol. 2013 (mid-p).
 */
export function mcNemarTest(counts: { onlyChampionRight: number; onlyChallengerRight: number }): McNemar {
  const { onlyChampionRight, onlyChallengerRight } = counts;
  const discordant = onlyChampionRight + onlyChallengerRight;
  const half = binomialProbability(onlyChallengerRight, discordant, 0.5) / 2;
  return {
    pValue: binomialTest(onlyChallengerRight, discordant),
    pValueBetter: binomialSurvival(onlyChallengerRight, discordant, 0.5) - half,
    pValueWorse: binomialSurvival(onlyChampionRight, discordant, 0.5) - half,
  };
}
