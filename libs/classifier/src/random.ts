/** A stream of numbers in [0, 1) with 32 random bits each. */
export type Random = () => number;

/**
 * xoshiro128** seeded through splitmix32: equal seeds give equal streams on every platform, integer arithmetic only.
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021.
 * @param seed an integer from 0 to 2^32 - 1.
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
  let [a, b, c, d] = [split(), split(), split(), split()];
  return () => {
    const scrambled = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return (scrambled >>> 0) / 2 ** 32;
  };
}

function rotate(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

/** Shuffles in place, every order equally likely (Durstenfeld's form of Fisher–Yates). */
export function shuffle(values: Int32Array, random: Random): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const kept = values[i] ?? 0;
    values[i] = values[j] ?? 0;
    values[j] = kept;
  }
}
