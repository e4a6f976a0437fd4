import { upperGamma } from './gamma.ts';

/** P(Z > z) of a standard normal variable; keeps its relative precision far into the tail. */
export function normalSurvival(z: number): number {
  const tail = 0.5 * upperGamma(0.5, (z * z) / 2);
  return z >= 0 ? tail : 1 - tail;
}

/** P(Z <= z) of a standard normal variable. */
export function normalCdf(z: number): number {
  return normalSurvival(-z);
}

/** Two-sided p-value of a standard normal test statistic. */
export function twoSidedP(z: number): number {
  return Math.min(1, 2 * normalSurvival(Math.abs(z)));
}

/**
 * The z with P(Z <= z) = p, 0 < p < 1. A rational start, then Newton steps on the tail probability until
 * it no longer moves, so it is as exact as `normalSurvival`.
 */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`normalQuantile needs 0 < p < 1, got ${p}`);
  if (p > 0.5) return -normalQuantile(1 - p);
  let z = start(p);
  for (let i = 0; i < 8; i++) {
    const density = Math.exp(-(z * z) / 2) / Math.sqrt(2 * Math.PI);
    const step = (normalCdf(z) - p) / density;
    z -= step;
    if (Math.abs(step) < 1e-15) break;
  }
  return z;
}

/** Abramowitz and Stegun 26.2.23: error below 4.5e-4, enough to start from. */
function start(p: number): number {
  const t = Math.sqrt(-2 * Math.log(p));
  const numerator = 2.515517 + t * (0.802853 + t * 0.010328);
  const denominator = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  return numerator / denominator - t;
}
