/**
 * Population stability index of two sets of counts over the same bins, in nats: sum of (q - p) ln(q / p), the symmetric
 * Kullback–Leibler divergence. Half a count is added to every bin, so an empty one is rare and not impossible.
 * Its null depends on the sample sizes and bins: never compare it with a fixed cut-off.
 * Source: Lewis, An Introduction to Credit Scoring, 1992; Yurdakul, Statistical Properties of PSI, 2018.
 * @throws RangeError when the sets differ in length.
 */
export function populationStabilityIndex(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  if (reference.length !== window.length) throw new RangeError('both need the same bins');
  const bins = reference.length;
  const [referenceTotal, windowTotal] = [total(reference) + bins / 2, total(window) + bins / 2];
  let index = 0;
  for (let i = 0; i < bins; i++) {
    const p = ((reference[i] ?? 0) + 0.5) / referenceTotal;
    const q = ((window[i] ?? 0) + 0.5) / windowTotal;
    index += (q - p) * Math.log(q / p);
  }
  return index;
}

function total(counts: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i] ?? 0;
  return sum;
}
