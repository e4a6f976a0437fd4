import { twoSidedP } from './normal.ts';

/** How many of `total` texts contain something, in one stratum (one predicted class). */
export interface Proportions {
  referenceHits: number;
  referenceTotal: number;
  windowHits: number;
  windowTotal: number;
}

/**
 * Two-proportion test over strata (Cochran–Mantel–Haenszel, no continuity correction): do window and reference differ
 * in the same direction *within* strata? A change of the strata's shares alone gives nothing. One stratum: the pooled
 * two-proportion z-test, times sqrt((N - 1) / N). `z` is positive when the window has more; 0 when nothing can differ.
 * Source: Mantel and Haenszel, J. Natl. Cancer Inst. 1959; Agresti, Categorical Data Analysis, 6.3.
 */
export function stratifiedProportionTest(strata: Iterable<Proportions>): { z: number; pValue: number } {
  let [excess, variance] = [0, 0];
  for (const { referenceHits, referenceTotal, windowHits, windowTotal } of strata) {
    const total = referenceTotal + windowTotal;
    if (total < 2) continue;
    const hits = referenceHits + windowHits;
    excess += windowHits - (hits * windowTotal) / total;
    variance += (hits * (total - hits) * windowTotal * referenceTotal) / (total * total * (total - 1));
  }
  const z = variance > 0 ? excess / Math.sqrt(variance) : 0;
  return { z, pValue: twoSidedP(z) };
}
