import { deviationFloor, temporalDispersion } from './dispersion.ts';
import { HeldOutWindows } from './held-out-windows.ts';
import { type MeasureName, measureNames, referenceConfidence, windowMeasures } from './measures.ts';
import { largestZOfDraws, type MonteCarloNull, monteCarloNull, monteCarloP, zScore } from './monte-carlo-null.ts';
import { findMovements, type Movement } from './movements.ts';
import { seededRandom } from './random.ts';
import { reasonOf } from './reason.ts';
import { readReference, type ReferenceTexts } from './reference-texts.ts';
import type { TextFeatures } from './text-features.ts';
import { type DriftStatistic, type DriftVerdict, type VerdictRule, verdictOf } from './verdict.ts';
import { stratumCounts, weightingFor } from './weighting.ts';
import { readWindow } from './window-texts.ts';

/** Defaults of the comparison; the configuration has them under `monitoring.drift`. */
export const driftDefaults = {
  /** Held-out windows a null is made of. */
  draws: 199,
  falseAlarmRate: 0.01,
  driftZScore: 6,
  minimumAccuracyFall: 0.05,
  noveltyRise: 0.1,
  /** Benjamini–Hochberg level of the drift card. */
  falseDiscoveryRate: 0.05,
} as const satisfies VerdictRule & { draws: number; falseDiscoveryRate: number };

/** Fewest texts that can be a reference. */
export const smallestReference = 40;

export interface ReferenceOptions {
  /** Texts of the windows to come; the dispersion is measured on windows of this size. */
  windowSize: number;
  seed: number;
  /** Held-out windows a null is made of. */
  draws?: number;
}

export interface CompareOptions extends Partial<VerdictRule> {
  seed: number;
  draws?: number;
  falseDiscoveryRate?: number;
}

/** A frozen reference window; made by `buildReference`, read by `compareWindow`. */
export interface Reference {
  /** How many texts it holds. */
  readonly texts: number;
  /** How much wider than chance real windows lie, by statistic; at least 1. */
  readonly dispersion: Readonly<Record<MeasureName, number>>;
  readonly data: ReferenceTexts;
  readonly windows: HeldOutWindows;
}

/** What a window's comparison says; its fields are those of a drift report. */
export interface WindowComparison {
  verdict: DriftVerdict;
  /** The verdict in a sentence. */
  reason: string;
  statistics: DriftStatistic[];
  movements: Movement[];
  /** Predicted class to share of the window. */
  predictedShares: Record<string, number>;
  /** Mean calibrated confidence. */
  expectedAccuracy: number;
}

/**
 * Freezes texts as the reference.
 * @param texts in the order of event time: how much neighbours resemble each other is measured (see `temporalDispersion`).
 *   In any other order texts count as independent.
 * @throws RangeError with fewer than `smallestReference` texts.
 */
export function buildReference(texts: readonly TextFeatures[], options: ReferenceOptions): Reference {
  if (texts.length < smallestReference) {
    throw new RangeError(`a reference needs at least ${smallestReference} texts, got ${texts.length}`);
  }
  const data = readReference(texts);
  const windows = new HeldOutWindows(data);
  const factors = temporalDispersion(data, windows, {
    windowSize: options.windowSize,
    draws: Math.ceil((options.draws ?? driftDefaults.draws) / 2),
    random: seededRandom(options.seed),
  });
  const dispersion = Object.fromEntries(measureNames.map((name, i) => [name, factors[i] ?? 1]));
  return { texts: texts.length, dispersion: dispersion as Record<MeasureName, number>, data, windows };
}

/**
 * Compares a window with the reference. Every statistic is judged by windows held out from the reference, with as many
 * texts of each predicted class as the window has: a change of class shares alone moves nothing but `predictedClasses`,
 * which is informative. Classes are the predicted ones, so the wrong answers of a weak classifier, whose mix changes with
 * the shares, can still show. Equal input and seed give an equal answer; the reference is not changed.
 * @throws RangeError without texts.
 */
export function compareWindow(
  reference: Reference,
  texts: readonly TextFeatures[],
  options: CompareOptions,
): WindowComparison {
  if (texts.length === 0) throw new RangeError('a window needs texts');
  const rule = { ...driftDefaults, ...options };
  const { data, windows } = reference;
  const window = readWindow(data, texts);
  const { rows } = window;
  const weighting = weightingFor(stratumCounts(rows, data.strata), data.available);
  const measured = windowMeasures(data, rows, weighting);
  const nulls = windows
    .draw(weighting, { draws: rule.draws, random: seededRandom(rule.seed) })
    .map((draws) => monteCarloNull(draws, deviationFloor(texts.length)));
  const confidence = referenceConfidence(data, weighting);
  const statistics = measureNames.map((name, i) =>
    statisticOf(name, { value: measured[i] ?? 0, null: nulls[i], dispersion: reference.dispersion[name], confidence }),
  );
  const watched = nulls.filter((_, i) => statistics[i]?.informative === false);
  const largest = Math.max(...statistics.filter(({ informative }) => !informative).map(({ zScore: z }) => z));
  const familyWiseP = monteCarloP(largest, largestZOfDraws(watched));
  const decided = verdictOf(statistics, familyWiseP, rule);
  const classes = statistics.find(({ name }) => name === 'predictedClasses');
  return {
    verdict: decided.verdict,
    reason: reasonOf(decided, { classes, familyWiseP, draws: rule.draws }),
    statistics,
    movements: findMovements(data, window, rule),
    predictedShares: sharesOf(texts),
    expectedAccuracy: texts.reduce((sum, { confidence }) => sum + confidence, 0) / texts.length,
  };
}

function statisticOf(
  name: MeasureName,
  of: { value: number; null: MonteCarloNull | undefined; dispersion: number; confidence: number },
): DriftStatistic {
  const chance = of.null ?? monteCarloNull(new Float64Array(1), 1);
  const z = zScore(of.value, chance, of.dispersion);
  const shared = {
    name,
    nullStandardDeviation: chance.standardDeviation * of.dispersion,
    zScore: z,
    // The draws widened, instead of the value narrowed: the same comparison.
    pValue: monteCarloP(chance.mean + z * chance.standardDeviation, chance.draws),
    informative: name === 'predictedClasses',
  };
  // Measured as a fall; reported as the accuracy itself.
  return name === 'expectedAccuracy'
    ? { ...shared, value: of.confidence - of.value, nullMean: of.confidence - chance.mean }
    : { ...shared, value: of.value, nullMean: chance.mean };
}

function sharesOf(texts: readonly TextFeatures[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { predicted } of texts) counts.set(predicted, (counts.get(predicted) ?? 0) + 1);
  return Object.fromEntries(
    [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([label, count]) => [label, count / texts.length]),
  );
}
