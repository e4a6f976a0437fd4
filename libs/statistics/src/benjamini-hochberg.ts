/**
 * Benjamini–Hochberg adjusted p-values, in the order given: calling everything at or under q "moved" keeps the expected
 * share of false calls at most q (independent or positively dependent tests).
 * Source: Benjamini and Hochberg, JRSS B 1995.
 */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  const count = pValues.length;
  const order = pValues.map((p, index) => ({ p, index })).sort((a, b) => b.p - a.p || b.index - a.index);
  const adjusted = Array.from({ length: count }, () => 1);
  let smallest = 1;
  for (const [position, { p, index }] of order.entries()) {
    smallest = Math.min(smallest, (p * count) / (count - position));
    adjusted[index] = smallest;
  }
  return adjusted;
}
