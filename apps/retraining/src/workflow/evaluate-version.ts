import {
  comparePaired,
  confusionMatrix,
  type ConfusionMatrix,
  type Evaluation,
  evaluatePredictions,
  expectedCalibrationError,
  type PairedComparison,
} from '#libs/evaluation';
import { classify, type Classified, type HostModel, type HostOptions } from '#libs/model';
import type { LabelledText } from './training-data.ts';

export interface Evaluated {
  evaluation: Evaluation;
  matrix: ConfusionMatrix;
  /** The champion on the same texts; undefined: there is none. */
  champion: { evaluation: Evaluation; comparison: PairedComparison } | undefined;
  /** Figures by name, for the registry. */
  metrics: Record<string, number>;
}

export interface EvaluateOptions {
  host: HostOptions;
  resamples: number;
  seed: number;
}

/**
 * Answers the held-out texts with the code that serves, by the new version and by the champion, neither of which has
 * been trained on them.
 */
export async function evaluateVersion(
  models: { challenger: HostModel; champion: HostModel | undefined },
  holdout: readonly LabelledText[],
  { host, ...options }: EvaluateOptions,
): Promise<Evaluated> {
  const texts = holdout.map(({ text }) => text);
  const answers = await classify(models.challenger, texts, host);
  const labels = [...new Set([...models.challenger.labels, ...holdout.map(({ label }) => label)])].toSorted((a, b) =>
    a < b ? -1 : 1,
  );
  const rows = beside(holdout, answers);
  const evaluation = evaluatePredictions(rows, options);
  const metrics: Record<string, number> = {
    ...figures(evaluation),
    expectedCalibrationError: expectedCalibrationError(
      rows.map((row, i) => ({ ...row, confidence: answers[i]?.confidence ?? 0 })),
    ),
    holdoutTexts: holdout.length,
  };
  for (const { label, recall } of evaluation.classes) metrics[`recall.${label}`] = recall.value;
  const matrix = confusionMatrix(rows, labels);
  if (models.champion === undefined) return { evaluation, matrix, champion: undefined, metrics };
  const before = beside(holdout, await classify(models.champion, texts, host));
  const comparison = comparePaired(
    rows.map(({ actual, predicted }, i) => ({ actual, challenger: predicted, champion: before[i]?.predicted ?? '' })),
    options,
  );
  const champion = { evaluation: evaluatePredictions(before, options), comparison };
  metrics['championAccuracy'] = comparison.champion.accuracy;
  metrics['championMacroF1'] = comparison.champion.macroF1;
  metrics['pValueWorse'] = comparison.pValueWorse;
  metrics['pValueBetter'] = comparison.pValueBetter;
  return { evaluation, matrix, champion, metrics };
}

function beside(texts: readonly LabelledText[], answers: readonly Classified[]) {
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
