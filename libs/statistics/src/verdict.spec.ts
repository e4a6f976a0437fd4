import { describe, expect, it } from 'vitest';
import { driftDefaults } from './drift-comparison.ts';
import { type DriftStatistic, verdictOf } from './verdict.ts';

/** A statistic whose null has mean .5. */
function statistic(name: DriftStatistic['name'], change: number, nullStandardDeviation: number): DriftStatistic {
  const zScore = Math.abs(change) / nullStandardDeviation;
  const value = 0.5 + change;
  return { name, value, nullMean: 0.5, nullStandardDeviation, zScore, pValue: 0.005, informative: false };
}

const verdictFor = (statistics: DriftStatistic[], familyWiseP = 0.005) =>
  verdictOf(statistics, familyWiseP, driftDefaults).verdict;
const otherCharacters = statistic('characterDistribution', 0.07, 0.01);

describe('the verdict', () => {
  it('is stable whatever the sizes when chance explains them', () => {
    expect(verdictFor([otherCharacters, statistic('expectedAccuracy', -0.4, 0.01)], 0.011)).toBe('stable');
  });

  it('is a warning when the texts changed and nothing suffers', () => {
    expect(verdictFor([otherCharacters, statistic('expectedAccuracy', 0, 0.01)])).toBe('warning');
  });

  it.each([
    ['five points, and three deviations besides', -0.081, 0.01, 'drift'],
    ['not certainly five points', -0.079, 0.01, 'warning'],
    ['many points, of which few are certain', -0.2, 0.055, 'warning'],
  ])('wants a fall of %s when the texts changed', (_, change, deviation, verdict) => {
    expect(verdictFor([otherCharacters, statistic('expectedAccuracy', change, deviation)])).toBe(verdict);
  });

  it.each([
    ['twice the fall, certainly', -0.131, 'drift'],
    ['less', -0.129, 'warning'],
  ])('wants %s when the texts look as before', (_, change, verdict) => {
    const texts = statistic('characterDistribution', 0.059, 0.01);
    expect(verdictFor([texts, statistic('expectedAccuracy', change, 0.01)])).toBe(verdict);
  });

  it.each([
    [0.131, 'drift'],
    [0.129, 'warning'],
    [-0.3, 'warning'],
  ])('is about new words that rose by %d', (change, verdict) => {
    expect(verdictFor([statistic('wordOutOfVocabularyShare', change, 0.01)])).toBe(verdict);
  });

  it('does not look at what is only informative', () => {
    const classes = { ...statistic('predictedClasses', 5, 0.01), informative: true };
    expect(verdictOf([classes], 0.005, driftDefaults)).toEqual({ verdict: 'warning', causes: [] });
  });
});
