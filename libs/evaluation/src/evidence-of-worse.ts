/**
 * How much better "the new version is worse" explains the labels where exactly one of two versions was right than "both
 * are equally good": the likelihood averaged over all probabilities from 1/2 to 1 that such a label goes to the old
 * version (uniformly), divided by the likelihood at 1/2. With a and b such labels and n = a + b that is
 * 2^(n+1) B(a+1, b+1) P(Beta(a+1, b+1) > 1/2) = sum over i <= a of C(n+1, i) / C(n, a), divided by n + 1.
 * Source: the mixture of Robbins, Annals of Mathematical Statistics 1970, with a uniform weight.
 * @param onlyOldRight a, labels where only the old version was right.
 * @param onlyNewRight b, labels where only the new one was.
 * @returns 1 without labels; infinity when it is beyond the largest number.
 */
export function evidenceOfWorse(onlyOldRight: number, onlyNewRight: number): number {
  const n = onlyOldRight + onlyNewRight;
  // Ratios of binomial coefficients from i = a downwards: nothing underflows.
  let ratio = (n + 1) / (onlyNewRight + 1);
  let sum = ratio;
  for (let i = onlyOldRight; i > 0; i--) {
    ratio *= i / (n + 2 - i);
    sum += ratio;
  }
  return sum / (n + 1);
}
