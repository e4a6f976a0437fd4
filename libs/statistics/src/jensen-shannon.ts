/**
 * Jensen–Shannon divergence of two sets of counts or weights over the same terms, in bits: 0 equal, 1 disjoint.
 * Two empty sets are equal; an empty one against another is disjoint.
 * Source: Lin, IEEE Transactions on Information Theory 1991.
 * @throws RangeError when the sets differ in length.
 */
export function jensenShannonDivergence(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  if (reference.length !== window.length) throw new RangeError('both need the same terms');
  let [referenceTotal, windowTotal] = [0, 0];
  for (let i = 0; i < reference.length; i++) {
    referenceTotal += reference[i] ?? 0;
    windowTotal += window[i] ?? 0;
  }
  if (referenceTotal === 0 || windowTotal === 0) return referenceTotal === windowTotal ? 0 : 1;
  let divergence = 0;
  for (let i = 0; i < reference.length; i++) {
    const p = (reference[i] ?? 0) / referenceTotal;
    const q = (window[i] ?? 0) / windowTotal;
    const middle = (p + q) / 2;
    if (p > 0) divergence += (p / 2) * Math.log2(p / middle);
    if (q > 0) divergence += (q / 2) * Math.log2(q / middle);
  }
  return Math.min(1, Math.max(0, divergence));
}

/**
 * Jensen–Shannon distance, the square root of the divergence: a metric from 0 to 1, and on the scale of a share.
 * Source: Endres and Schindelin, IEEE Transactions on Information Theory 2003.
 */
export function jensenShannonDistance(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  return Math.sqrt(jensenShannonDivergence(reference, window));
}
