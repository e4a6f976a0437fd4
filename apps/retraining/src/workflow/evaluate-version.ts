import {
  comparePaired,
  confusionMatrix,
  type ConfusionMatrix,
  type Evaluation,
  evaluatePredictions,
  expectedCalibrationError,
  type LabelledPrediction,
  type PairedComparison,
} from '#libs/evaluation';
import { classify, type Classified, type HostModel, type HostOptions } from '#libs/model';
import type { LabelledText } from './training-data.ts';

export interface Evaluated {
  evaluation: Evaluation;
  matrix: ConfusionMatrix;
  /** The champion on the same texts; undefined: there is none. */
  champion: { evaluation: Evaluation; comparison: PairedComparison } | undefined;
  /** Both on those of the texts that were labelled after the champion's labels: the language of today. */
  recent: { texts: number; evaluation: Evaluation; champion: Evaluation } | undefined;
  /** Figures by name, for the registry. */
  metrics: Record<string, number>;
}

export interface Champion {
  model: HostModel;
  /** Event time up to which it knew labels (epoch milliseconds). */
  labelCutOff: number;
}

export interface EvaluateOptions {
  host: HostOptions;
  resamples: number;
  seed: number;
}

/**
 * Answers the held-out texts with the code that serves, by the new version and by the champion, neither of which has
 * been trained on them. A class that a version does not know it answers wrong, as it would in production.
 */
export async function evaluateVersion(
  { challenger, champion }: { challenger: HostModel; champion: Champion | undefined },
  holdout: readonly LabelledText[],
  { host, ...options }: EvaluateOptions,
): Promise<Evaluated> {
  const texts = holdout.map(({ text }) => text);
  const answers = await classify(challenger, texts, host);
  const rows = beside(holdout, answers);
  const evaluation = evaluatePredictions(rows, options);
  const labels = new Set([...challenger.labels, ...rows.map(({ actual }) => actual)]);
  const matrix = confusionMatrix(
    rows,
    [...labels].toSorted((a, b) => (a < b ? -1 : 1)),
  );
  const confident = rows.map((row, i) => ({ ...row, confidence: answers[i]?.confidence ?? 0 }));
  const metrics: Record<string, number> = {
    ...figures(evaluation),
    expectedCalibrationError: expectedCalibrationError(confident),
    holdoutTexts: holdout.length,
    ...Object.fromEntries(evaluation.classes.map(({ label, recall }) => [`recall.${label}`, recall.value])),
  };
  if (champion === undefined) return { evaluation, matrix, champion: undefined, recent: undefined, metrics };

  const before = beside(holdout, await classify(champion.model, texts, host));
  const comparison = comparePaired(
    rows.map(({ actual, predicted }, i) => ({ actual, challenger: predicted, champion: before[i]?.predicted ?? '' })),
    options,
  );
  const isRecent = (_row: LabelledPrediction, i: number) => (holdout[i]?.labelledAt ?? 0) > champion.labelCutOff;
  const lately = rows.filter(isRecent);
  const recent =
    lately.length === 0
      ? undefined
      : {
          texts: lately.length,
          evaluation: evaluatePredictions(lately, options),
          champion: evaluatePredictions(before.filter(isRecent), options),
        };
  return {
    evaluation,
    matrix,
    champion: { evaluation: evaluatePredictions(before, options), comparison },
    recent,
    metrics: { ...metrics, ...comparisonFigures(comparison), ...recentFigures(recent) },
  };
}

function beside(texts: readonly LabelledText[], answers: readonly Classified[]): LabelledPrediction[] {
  return texts.map(({ label }, i) => ({ actual: label, predicted: answers[i]?.label ?? '' }));
}

function figures({ accuracy, macroF1 }: Evaluation): Record<string, number> {
  return {
    accuracy: accuracy.value,
    accuracyLower: accuracy.lower,
    accuracyUpper: accuracy.upper,
    macroF1: macroF1.value,
    macroF1Lower: macroF1.lower,
    macroF1Upper: macroF1.upper,
  };
}

function comparisonFigures({ champion, pValueWorse, pValueBetter }: PairedComparison): Record<string, number> {
  const { accuracy: championAccuracy, macroF1: championMacroF1 } = champion;
  return { championAccuracy, championMacroF1, pValueWorse, pValueBetter };
}

function recentFigures(recent: Evaluated['recent']): Record<string, number> {
  if (recent === undefined) return {};
  const { texts, evaluation, champion } = recent;
  return {
    recentTexts: texts,
    recentAccuracy: evaluation.accuracy.value,
    recentMacroF1: evaluation.macroF1.value,
    championRecentAccuracy: champion.accuracy.value,
    championRecentMacroF1: champion.macroF1.value,
  };
}
