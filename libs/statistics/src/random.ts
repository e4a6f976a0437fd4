/** A stream of numbers in [0, 1) with 32 random bits each. */
export type Random = () => number;

/**
 * sfc32 seeded through splitmix32: equal seeds give equal streams on every platform, integer arithmetic only.
 * Source: Doty-Humphrey, PractRand 2010 (sfc); Steele, Lea and Flood, OOPSLA 2014 (splitmix).
 * @param seed an integer; its low 32 bits count.
 */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const split = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let [a, b, c, counter] = [split(), split(), split(), 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/** A whole number from 0 to `below` - 1. */
export function randomInteger(random: Random, below: number): number {
  return Math.floor(random() * below);
}

/**
 * Moves `count` of the values to the front, every subset equally likely, in place (a Fisher–Yates shuffle that stops
 * early; Durstenfeld 1964). The rest stays behind them.
 */
export function drawToFront(values: Int32Array, count: number, random: Random): void {
  for (let i = 0; i < count; i++) {
    const j = i + randomInteger(random, values.length - i);
    const kept = values[i] ?? 0;
    values[i] = values[j] ?? 0;
    values[j] = kept;
  }
}
