import { describe, expect, it } from 'vitest';
import { binomialProbability } from './binomial.ts';
import { drawBinomial } from './draw-binomial.ts';
import { upperGamma } from './gamma.ts';
import { seededRandom } from './random.ts';

describe('a binomial number', () => {
  // Walks from zero and from the mode, and the mirrored ones.
  it.each([
    [5, 0.3],
    [12, 0.9],
    [200, 0.4],
    [200, 0.97],
    [20_000, 0.0002],
    [40, 0.5],
  ])('of n = %i, p = %f is distributed as it should be (chi-squared, 20,000 draws)', (n, p) => {
    const draws = 20_000;
    const random = seededRandom(n);
    const seen = new Map<number, number>();
    for (let i = 0; i < draws; i++) {
      const k = drawBinomial(n, p, random);
      seen.set(k, (seen.get(k) ?? 0) + 1);
    }
    let [statistic, bins, restSeen, restExpected] = [0, 0, draws, draws];
    for (let k = 0; k <= n; k++) {
      const expected = draws * binomialProbability(k, n, p);
      if (expected < 10) continue;
      const found = seen.get(k) ?? 0;
      statistic += (found - expected) ** 2 / expected;
      bins++;
      restSeen -= found;
      restExpected -= expected;
    }
    statistic += (restSeen - restExpected) ** 2 / Math.max(restExpected, 1);
    // With this seed the result is fixed; an error of the sampler would be far beyond.
    expect(upperGamma(bins / 2, statistic / 2)).toBeGreaterThan(0.001);
  });

  it('is certain at the ends', () => {
    const random = seededRandom(1);
    expect(drawBinomial(0, 0.5, random)).toBe(0);
    expect(drawBinomial(7, 0, random)).toBe(0);
    expect(drawBinomial(7, 1, random)).toBe(7);
  });
});
