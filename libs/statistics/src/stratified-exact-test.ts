import { logChoose } from './gamma.ts';
import type { Proportions } from './stratified-proportion-test.ts';

/**
 * Exact conditional version of the stratified two-proportion test, for terms that few texts contain: given how many
 * texts of each stratum contain the term, the window's count is a sum of hypergeometric variables, whose distribution is
 * computed by convolution. Two-sided by doubling the smaller tail. One stratum: Fisher's exact test, doubled.
 * `z` is the excess over what is expected in standard deviations (Cochran–Mantel–Haenszel).
 * Source: Gart, Biometrika 1970; Agresti, Categorical Data Analysis, 7.3.
 */
export function stratifiedExactTest(strata: Iterable<Proportions>): { z: number; pValue: number } {
  let distribution = [1];
  let [observed, expected, variance] = [0, 0, 0];
  for (const stratum of strata) {
    const { referenceHits, referenceTotal, windowHits, windowTotal } = stratum;
    const total = referenceTotal + windowTotal;
    const hits = referenceHits + windowHits;
    observed += windowHits;
    if (hits === 0) continue;
    expected += (hits * windowTotal) / total;
    if (total > 1) variance += (hits * (total - hits) * windowTotal * referenceTotal) / (total * total * (total - 1));
    distribution = convolve(distribution, hypergeometric(hits, windowTotal, total));
  }
  const z = variance > 0 ? (observed - expected) / Math.sqrt(variance) : 0;
  let [below, above] = [0, 0];
  for (const [count, probability] of distribution.entries()) {
    if (count <= observed) below += probability;
    if (count >= observed) above += probability;
  }
  return { z, pValue: Math.min(1, 2 * Math.min(below, above)) };
}

/** P(k of the `hits` are among the `drawn` of `total`), k = 0 … hits. */
function hypergeometric(hits: number, drawn: number, total: number): number[] {
  const all = logChoose(total, drawn);
  return Array.from({ length: hits + 1 }, (_, k) =>
    k > drawn || drawn - k > total - hits ? 0 : Math.exp(logChoose(hits, k) + logChoose(total - hits, drawn - k) - all),
  );
}

function convolve(a: readonly number[], b: readonly number[]): number[] {
  const sum = Array.from({ length: a.length + b.length - 1 }, () => 0);
  for (const [i, p] of a.entries()) for (const [j, q] of b.entries()) sum[i + j] = (sum[i + j] ?? 0) + p * q;
  return sum;
}
