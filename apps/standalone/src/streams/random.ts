import { createHash } from 'node:crypto';

/** Numbers in [0, 1) that depend on the seed alone. */
export type Random = () => number;

/** mulberry32 over the digest of the parts of a seed: streams of different names never run in step. */
export function seededRandom(...seed: (string | number)[]): Random {
  let state = createHash('sha256').update(seed.join('\0')).digest().readUInt32LE(0);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An integer from `low` to `high`, both included. */
export function integerBetween(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

/** One of the keys, drawn with the probability of its value; the values need not sum to 1. */
export function drawKey(random: Random, weights: Readonly<Record<string, number>>): string {
  const entries = Object.entries(weights);
  let left = random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [key, weight] of entries) {
    left -= weight;
    if (left < 0) return key;
  }
  return entries.at(-1)?.[0] ?? '';
}
