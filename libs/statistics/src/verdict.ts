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
  /** Standard deviations that the change of the texts and the fall of expected accuracy must both reach for drift. */
  driftZScore: number;
  /** Expected accuracy may fall this much without being drift, however certain the fall. */
  minimumAccuracyFall: number;
  /** Rise of an out-of-vocabulary share that is drift by itself, at driftZScore, however sure the model stays. */
  noveltyRise: number;
}

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
 * drift: besides, the texts themselves changed *and* the model expects to do worse on them (both at `driftZScore`, the
 * fall at least `minimumAccuracyFall`), or the share of words or n-grams nobody has seen rose by `noveltyRise`.
 * Every drift is a warning too, so unchanged windows are called drift at most as often as `falseAlarmRate`.
 */
export function verdictOf(
  statistics: readonly DriftStatistic[],
  familyWiseP: number,
  rule: VerdictRule,
): { verdict: DriftVerdict; causes: DriftStatistic[] } {
  const watched = statistics.filter(({ informative }) => !informative).toSorted((a, b) => b.zScore - a.zScore);
  if (familyWiseP > rule.falseAlarmRate) return { verdict: 'stable', causes: watched.slice(0, 1) };
  const strong = watched.filter(({ zScore }) => zScore >= rule.driftZScore);
  const [text] = strong.filter(({ name }) => textMeasures.includes(name));
  const accuracy = strong.find(
    ({ name, value, nullMean }) => name === 'expectedAccuracy' && nullMean - value >= rule.minimumAccuracyFall,
  );
  if (text !== undefined && accuracy !== undefined) return { verdict: 'drift', causes: [text, accuracy] };
  const novel = strong.filter(
    ({ name, value, nullMean }) => vocabularyMeasures.includes(name) && value - nullMean >= rule.noveltyRise,
  );
  if (novel.length > 0) return { verdict: 'drift', causes: novel.slice(0, 1) };
  return { verdict: 'warning', causes: watched.filter(({ zScore }) => zScore >= warningZ).slice(0, 2) };
}

/** A second statistic is named in a warning from here on. */
const warningZ = 3;
