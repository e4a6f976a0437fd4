import { describe, expect, it } from 'vitest';
import { seededRandom } from '#libs/statistics';
import { canaryVerdict } from '../scripts/simulations.ts';
import { canaryTrial, type DiscordantLabels } from './canary-trial.ts';

const options = { errorRate: 0.01, minimumLabels: 20, maximumLabels: 1000 };
type Pair = readonly [onlyChampionRight: number, onlyChallengerRight: number];
const discordant = ([onlyChampionRight, onlyChallengerRight]: Pair): DiscordantLabels => ({
  onlyChampionRight,
  onlyChallengerRight,
});
const counts = (labels: number, champion: Pair, challenger: Pair) => ({
  labels,
  shownByChampion: discordant(champion),
  shownByChallenger: discordant(challenger),
});

describe('the trial of a canary', () => {
  it('ends when the discordant labels say which one is better, and is the same in both directions', () => {
    expect(canaryTrial(counts(100, [0, 9], [0, 4]), options).verdict).toBe('better');
    expect(canaryTrial(counts(100, [9, 0], [4, 0]), options).verdict).toBe('worse');
    expect(canaryTrial(counts(100, [0, 9], [0, 2]), options).verdict).toBe('undecided');
    const one = canaryTrial(counts(100, [3, 12], [2, 9]), options);
    const other = canaryTrial(counts(100, [12, 3], [9, 2]), options);
    expect(one.evidenceOfBetter).toBe(other.evidenceOfWorse);
  });

  it('takes nothing for evidence that people only correct what they are shown', () => {
    const corrections = canaryTrial(counts(500, [0, 90], [10, 0]), options);
    expect(corrections).toMatchObject({ verdict: 'undecided' });
    expect(corrections.evidenceOfBetter).toBeLessThan(1);
    expect(canaryTrial(counts(500, [0, 90], [0, 0]), options).verdict).toBe('undecided');
  });

  it('waits for enough labels, and not for ever', () => {
    expect(canaryTrial(counts(19, [10, 0], [9, 0]), options).verdict).toBe('undecided');
    expect(canaryTrial(counts(999, [20, 20], [20, 20]), options).verdict).toBe('undecided');
    expect(canaryTrial(counts(1000, [20, 20], [20, 20]), options).verdict).toBe('no-difference');
    expect(canaryTrial(counts(1000, [20, 45], [20, 45]), options).verdict).toBe('better');
  });

  it('refuses an error rate that is none', () => {
    expect(() => canaryTrial(counts(1, [0, 0], [0, 0]), { ...options, errorRate: 1 })).toThrow(RangeError);
  });

  const labellings = {
    'any text': { right: 1, wrong: 1 },
    'an audit, and corrections of what was shown': { right: 0.1, wrong: 0.37 },
    'corrections only': { right: 0, wrong: 1 },
  };

  it.each(
    Object.entries(labellings).flatMap(([who, labelling]) => [0.1, 0.5].map((share) => ({ who, labelling, share }))),
  )('is wrong at most at its error rate, looking after every label: $who, share $share', ({ labelling, share }) => {
    const trial = { errorRate: 0.05, minimumLabels: 1, maximumLabels: 500, labelling, share, random: seededRandom(5) };
    const ends = Array.from({ length: 500 }, () => canaryVerdict({ onlyOld: 0.1, onlyNew: 0.1 }, trial).verdict);
    for (const wrong of ['better', 'worse']) {
      const called = ends.filter((verdict) => verdict === wrong).length / ends.length;
      // Four standard deviations above the nominal rate.
      expect(called).toBeLessThan(0.05 + 4 * Math.sqrt((0.05 * 0.95) / 500));
    }
  });

  it.each(Object.entries(labellings).slice(0, 2))(
    'sees one that is ten points better, and one that is ten points worse: %s',
    (_, labelling) => {
      const trial = { errorRate: 0.01, minimumLabels: 50, maximumLabels: 1000, share: 0.3, labelling };
      const share = (onlyOld: number, onlyNew: number, wanted: string) => {
        const random = seededRandom(6);
        const ends = Array.from({ length: 100 }, () => canaryVerdict({ onlyOld, onlyNew }, { ...trial, random }));
        return ends.filter(({ verdict }) => verdict === wanted).length;
      };
      expect(share(0.05, 0.15, 'better')).toBeGreaterThan(90);
      expect(share(0.15, 0.05, 'worse')).toBeGreaterThan(90);
    },
  );

  it('never promotes a worse one where people only correct what they are shown', () => {
    const labelling = { right: 0, wrong: 1 };
    const trial = { ...options, minimumLabels: 50, labelling, share: 0.1, random: seededRandom(7) };
    const ends = Array.from({ length: 100 }, () => canaryVerdict({ onlyOld: 0.13, onlyNew: 0.03 }, trial).verdict);
    expect(new Set(ends)).toEqual(new Set(['no-difference']));
  });
});
