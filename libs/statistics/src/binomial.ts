import { logChoose } from './gamma.ts';

/** P(X = k) of a binomial variable, n trials with probability p. */
export function binomialProbability(k: number, n: number, p: number): number {
  if (p <= 0) return k === 0 ? 1 : 0;
  if (p >= 1) return k === n ? 1 : 0;
  return Math.exp(logChoose(n, k) + k * Math.log(p) + (n - k) * Math.log1p(-p));
}

/**
 * Exact two-sided binomial test of "the probability is p": the total probability of all outcomes that are at most as
 * likely as k. Source: Clopper and Pearson's exact family as in R `binom.test` and SciPy `binomtest`.
 */
export function binomialTest(k: number, n: number, p = 0.5): number {
  if (n === 0) return 1;
  // Outcomes as likely as k up to rounding count as equally likely, as R and SciPy do.
  const limit = binomialProbability(k, n, p) * (1 + 1e-7);
  let total = 0;
  for (let i = 0; i <= n; i++) {
    const probability = binomialProbability(i, n, p);
    if (probability <= limit) total += probability;
  }
  return Math.min(1, total);
}

/** P(X >= k) of a binomial variable: the exact one-sided test. */
export function binomialSurvival(k: number, n: number, p: number): number {
  let total = 0;
  for (let i = Math.max(0, k); i <= n; i++) total += binomialProbability(i, n, p);
  return Math.min(1, total);
}
