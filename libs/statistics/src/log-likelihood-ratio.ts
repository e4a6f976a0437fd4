import { chiSquareSurvival } from './gamma.ts';

/**
 * G² of a term in two corpora: 2 Σ observed ln(observed / expected) over the 2×2 table of texts with and without it;
 * asymptotically chi-squared with one degree of freedom, and trustworthy for rare terms where Pearson's X² is not.
 * Source: Dunning, Computational Linguistics 1993.
 */
export function logLikelihoodRatio(
  reference: { hits: number; total: number },
  window: { hits: number; total: number },
): { statistic: number; pValue: number } {
  const all = reference.total + window.total;
  const hits = reference.hits + window.hits;
  let statistic = 0;
  for (const { hits: containing, total } of [reference, window]) {
    statistic += part(containing, (hits * total) / all) + part(total - containing, ((all - hits) * total) / all);
  }
  statistic = Math.max(0, 2 * statistic);
  return { statistic, pValue: chiSquareSurvival(statistic, 1) };
}

function part(observed: number, expected: number): number {
  return observed > 0 ? observed * Math.log(observed / expected) : 0;
}
