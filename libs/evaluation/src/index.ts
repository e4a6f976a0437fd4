export { expectedCalibrationError } from './calibration-error.ts';
export { type CanaryTrial, canaryTrial, type CanaryTrialOptions, type PairedCounts } from './canary-trial.ts';
export { comparePaired, type PairedComparison, type PairedPrediction } from './compare-paired.ts';
export { type ConfusionMatrix, confusionMatrix, type LabelledPrediction } from './confusion-matrix.ts';
export {
  type ClassFigures,
  type Evaluation,
  type EvaluationOptions,
  evaluatePredictions,
} from './evaluate-predictions.ts';
export { evidenceOfWorse } from './evidence-of-worse.ts';
export { type McNemar, mcNemarTest } from './mcnemar.ts';
export { SequentialComparison, type SequentialOptions, type SequentialState } from './sequential-comparison.ts';
