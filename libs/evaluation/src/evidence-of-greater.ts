import { logGamma } from '#libs/statistics';

/** What one of two samples had of some outcome. */
export interface BinomialCounts {
  yes: number;
  no: number;
}

/**
 * How much better "both samples have probabilities of their own" explains them than "the first has no greater one than
 * the second": the likelihood averaged over both probabilities, independent with Jeffreys's weight Beta(1/2, 1/2), divided
 * by the largest likelihood that the hypothesis allows. That is the largest of all where the first share is not the greater
 * one, and that of equal probabilities otherwise. If the hypothesis holds, the value never exceeds a martingale that
 * starts at 1, and so ever reaches 1 / a with probability at most a (Ville's inequality), however the observations of the
 * two samples alternate.
 * Source: universal inference of Wasserman, Ramdas and Balakrishnan, PNAS 2020; weight of Krichevsky and Trofimov, IEEE
 * Transactions on Information Theory 1981.
 * @returns at most 1 where the first share is not the greater one; infinity when it is beyond the largest number.
 */
export function evidenceOfGreater(first: BinomialCounts, second: BinomialCounts): number {
  const greater = first.yes * (second.yes + second.no) > second.yes * (first.yes + first.no);
  const largest = greater
    ? largestLogLikelihood({ yes: first.yes + second.yes, no: first.no + second.no })
    : largestLogLikelihood(first) + largestLogLikelihood(second);
  return Math.exp(averageLogLikelihood(first) + averageLogLikelihood(second) - largest);
}

/** log B(yes + 1/2, no + 1/2) / B(1/2, 1/2) */
function averageLogLikelihood({ yes, no }: BinomialCounts): number {
  return logGamma(yes + 0.5) + logGamma(no + 0.5) - logGamma(yes + no + 1) - Math.log(Math.PI);
}

function largestLogLikelihood({ yes, no }: BinomialCounts): number {
  const term = (count: number) => (count === 0 ? 0 : count * Math.log(count / (yes + no)));
  return term(yes) + term(no);
}
