/** Distance as a share of what was expected: tails of 1e-100 count as much as halves. */
export function relativeError(actual: number, expected: number): number {
  return Math.abs(actual - expected) / Math.max(Math.abs(expected), Number.MIN_VALUE);
}
