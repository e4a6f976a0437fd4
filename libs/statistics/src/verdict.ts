import type { MeasureName } from './measures.ts';

export type DriftVerdict = 'stable' | 'warning' | 'drift';

/** One statistic of a window; structurally the `DriftStatistic` of the drift report. */
export interface DriftStatistic {
  name: MeasureName;
  value: number;
  nullMean: number;
  /** Of held-out windows, widened by how much more than chance real windows differ. */
  nullStandardDeviation: number;
  /** Positive is worse. */
  zScore: number;
  pValue: number;
  /** Shown, never raises the verdict. */
  informative: boolean;
}

/** When a window is called what. */
export interface VerdictRule {
  /** Share of unchanged windows that may be called a warning (or more). */
  falseAlarmRate: number;
  /** Standard deviations that a change of the texts must reach for drift. */
  driftZScore: number;
  /** Expected accuracy may fall this much without being drift, however certain the fall. */
  minimumAccuracyFall: number;
  /** An out-of-vocabulary share may rise this much without being drift. */
  noveltyRise: number;
}

/** Standard deviations by which a harm must exceed what is tolerated: once in 700 times by chance. */
const certain = 3;

const textMeasures: readonly MeasureName[] = [
  'textLength',
  'wordCount',
  'characterDistribution',
  'wordOutOfVocabularyShare',
  'ngramOutOfVocabularyShare',
];
const vocabularyMeasures: readonly MeasureName[] = ['wordOutOfVocabularyShare', 'ngramOutOfVocabularyShare'];

/**
 * warning: the most extreme statistic is more extreme than chance allows (family-wise p at most `falseAlarmRate`).
 * drift: besides, it does harm, by more than is tolerated and certainly so (a minimum-effect test, `certain`): the texts
 * changed (`driftZScore`) *and* the model expects to do worse on them by `minimumAccuracyFall`; or by twice that,
 * whatever the texts look like; or the share of words or n-grams nobody has seen rose by `noveltyRise`, however sure the
 * model stays. Every drift is a warning too, so unchanged windows are drift less often than `falseAlarmRate`.
 * Source: Murphy and Myors, J. Applied Psychology 1999 (minimum effects).
 */
export function verdictOf(
  statistics: readonly DriftStatistic[],
  familyWiseP: number,
  rule: VerdictRule,
): { verdict: DriftVerdict; causes: DriftStatistic[] } {
  const watched = statistics.filter(({ informative }) => !informative).toSorted((a, b) => b.zScore - a.zScore);
  if (familyWiseP > rule.falseAlarmRate) return { verdict: 'stable', causes: watched.slice(0, 1) };
  const [text] = watched.filter(({ name, zScore }) => textMeasures.includes(name) && zScore >= rule.driftZScore);
  const fallen = watched.find(({ name }) => name === 'expectedAccuracy');
  const fall = fallen === undefined ? 0 : -certainChange(fallen);
  if (fallen !== undefined && text !== undefined && fall >= rule.minimumAccuracyFall) {
    return { verdict: 'drift', causes: [text, fallen] };
  }
  const novel = watched.find((one) => vocabularyMeasures.includes(one.name) && certainChange(one) >= rule.noveltyRise);
  if (novel !== undefined) return { verdict: 'drift', causes: [novel] };
  if (fallen !== undefined && fall >= 2 * rule.minimumAccuracyFall) return { verdict: 'drift', causes: [fallen] };
  return { verdict: 'warning', causes: watched.filter(({ zScore }) => zScore >= named).slice(0, 2) };
}

/** The change from the null's mean that remains when it is certainly not smaller; signed. */
function certainChange({ value, nullMean, nullStandardDeviation }: DriftStatistic): number {
  const change = value - nullMean;
  return Math.sign(change) * Math.max(0, Math.abs(change) - certain * nullStandardDeviation);
}

/** A second statistic is named in a warning from here on. */
const named = 3;
