import { binomialProbability } from './binomial.ts';
import type { Random } from './random.ts';

/** Up to this mean the walk starts at 0, above at the mode: about as many steps as standard deviations are wide. */
const walkFromZero = 10;

/**
 * A binomial number, n trials with probability p, by inversion: exact but for the 32 bits of the random number.
 * Source: Kachitvichyanukul and Schmeiser, Communications of the ACM 1988 (BINV); from the mode as in Devroye,
 * Non-Uniform Random Variate Generation, 1986, III.2.
 */
export function drawBinomial(n: number, p: number, random: Random): number {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - drawBinomial(n, 1 - p, random);
  return n * p < walkFromZero ? fromZero(n, p, random()) : fromMode(n, p, random());
}

function fromZero(n: number, p: number, u: number): number {
  const odds = p / (1 - p);
  let probability = Math.exp(n * Math.log1p(-p));
  let left = u - probability;
  let k = 0;
  while (left >= 0 && k < n) {
    probability *= (odds * (n - k)) / (k + 1);
    left -= probability;
    k++;
  }
  return k;
}

/** Takes outcomes off `u` from the mode outwards, one above and one below in turn. */
function fromMode(n: number, p: number, u: number): number {
  const odds = p / (1 - p);
  const mode = Math.floor((n + 1) * p);
  let [up, down] = [mode, mode];
  let above = binomialProbability(mode, n, p);
  let below = above;
  let left = u - above;
  while (left >= 0 && (up < n || down > 0)) {
    if (up < n) {
      above *= (odds * (n - up)) / (up + 1);
      up++;
      left -= above;
      if (left < 0) return up;
    }
    if (down > 0) {
      below *= down / (odds * (n - down + 1));
      down--;
      left -= below;
      if (left < 0) return down;
    }
    // What is left of u by then is rounding.
    if (above < 1e-18 && below < 1e-18) return mode;
  }
  return mode;
}
