/**
 * Quantile of values sorted ascending, linear between neighbours. Not a number when there are none.
 * Source: Hyndman and Fan, The American Statistician 1996, definition 7 (NumPy's default).
 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const position = Math.min(1, Math.max(0, share)) * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below] ?? 0;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? 0;
  return low + (high - low) * (position - below);
}
