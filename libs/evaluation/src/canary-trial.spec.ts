import { describe, expect, it } from 'vitest';
import { seededRandom } from '#libs/statistics';
import { canaryVerdict } from '../scripts/simulations.ts';
import { canaryTrial } from './canary-trial.ts';

const options = { errorRate: 0.01, minimumLabels: 20, maximumLabels: 1000 };
const counts = (labels: number, onlyChampionRight: number, onlyCanaryRight: number) => ({
  labels,
  onlyChampionRight,
  onlyCanaryRight,
});

describe('the trial of a canary', () => {
  it('ends when the discordant labels say which one is better, and is the same in both directions', () => {
    expect(canaryTrial(counts(100, 0, 9), options).verdict).toBe('better');
    expect(canaryTrial(counts(100, 9, 0), options).verdict).toBe('worse');
    expect(canaryTrial(counts(100, 8, 0), options).verdict).toBe('undecided');
    const [one, other] = [canaryTrial(counts(100, 3, 12), options), canaryTrial(counts(100, 12, 3), options)];
    expect(one.evidenceOfBetter).toBe(other.evidenceOfWorse);
  });

  it('waits for enough labels, and not for ever', () => {
    expect(canaryTrial(counts(19, 19, 0), options).verdict).toBe('undecided');
    expect(canaryTrial(counts(999, 40, 40), options).verdict).toBe('undecided');
    expect(canaryTrial(counts(1000, 40, 40), options).verdict).toBe('no-difference');
    expect(canaryTrial(counts(1000, 40, 90), options).verdict).toBe('better');
  });

  it('refuses an error rate that is none', () => {
    expect(() => canaryTrial(counts(1, 0, 0), { ...options, errorRate: 1 })).toThrow(RangeError);
  });

  it.each([0.1, 0.4])(
    'is wrong in each direction at most at its error rate, looking after every label (%d discordant)',
    (discordant) => {
      const random = seededRandom(5);
      const equallyGood = { onlyOld: discordant / 2, onlyNew: discordant / 2 };
      const trial = { errorRate: 0.05, minimumLabels: 1, maximumLabels: 500 };
      const ends = Array.from({ length: 1000 }, () => canaryVerdict(equallyGood, { ...trial, random }).verdict);
      for (const wrong of ['better', 'worse']) {
        const share = ends.filter((verdict) => verdict === wrong).length / ends.length;
        // Four standard deviations above the nominal rate.
        expect(share).toBeLessThan(0.05 + 4 * Math.sqrt((0.05 * 0.95) / 1000));
        expect(share).toBeGreaterThan(0.002);
      }
    },
  );

  it('sees one that is ten points better, and one that is ten points worse', () => {
    const random = seededRandom(6);
    const trial = { errorRate: 0.01, minimumLabels: 50, maximumLabels: 1000 };
    const share = (onlyOld: number, onlyNew: number, wanted: string) =>
      Array.from({ length: 100 }, () => canaryVerdict({ onlyOld, onlyNew }, { ...trial, random }).verdict).filter(
        (verdict) => verdict === wanted,
      ).length;
    expect(share(0.05, 0.15, 'better')).toBeGreaterThan(90);
    expect(share(0.15, 0.05, 'worse')).toBeGreaterThan(90);
  });
});
