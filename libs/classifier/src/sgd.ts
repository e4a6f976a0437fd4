import { drawToFront, type Random } from '#libs/statistics';
import type { TrainingProgress } from './classifier.ts';
import type { FeatureRows } from './features.ts';

/** Weights in training. */
export interface LinearModel {
  classes: number;
  /** float32 [buckets, 2 · classes]: a bucket's weights and then its AdaGrad sums, side by side in one cache line. */
  parameters: Float32Array;
  /** float64 [2 · classes], the same for the bias. */
  bias: Float64Array;
}

/** How `fitLinearModel` learns. */
export interface FitOptions {
  epochs: number;
  learningRate: number;
  finalLearningRate: number;
  random: Random;
  onProgress: (progress: TrainingProgress) => void;
  signal: AbortSignal | undefined;
}

/** A text whose every probability is this close to its target teaches nothing any more. */
const negligibleError = 1e-3;
/** Keeps a first gradient of zero from dividing by zero. */
const epsilon = 1e-10;
const rowsBetweenAbortChecks = 256;

/**
 * Fits multinomial logistic regression on mean-pooled counts by stochastic gradient descent, one text at a time in a new
 * seeded order each epoch, with per-coordinate AdaGrad steps and a learning rate that falls linearly.
 * Sums in float64, weights in float32: the same bytes on every machine whose arithmetic is IEEE 754.
 * Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
 * JMLR 12, 2011.
 * @param targets class of each row.
 */
export function fitLinearModel(
  features: FeatureRows,
  targets: Int32Array,
  classes: number,
  options: FitOptions,
): LinearModel {
  const model: LinearModel = {
    classes,
    parameters: new Float32Array(features.size * 2 * classes),
    bias: new Float64Array(2 * classes),
  };
  const { epochs, learningRate, finalLearningRate } = options;
  const order = Int32Array.from({ length: features.rows }, (_, row) => row);
  const probabilities = new Float64Array(classes);
  const steps = Math.max(epochs * features.rows - 1, 1);
  for (let epoch = 0, step = 0; epoch < epochs; epoch++) {
    drawToFront(order, order.length, options.random);
    let loss = 0;
    let skipped = 0;
    for (let i = 0; i < order.length; i++, step++) {
      if (i % rowsBetweenAbortChecks === 0) options.signal?.throwIfAborted();
      const row = order[i] ?? 0;
      const target = targets[row] ?? 0;
      predict(model, features, row, probabilities);
      loss -= Math.log(Math.max(probabilities[target] ?? 0, 1e-300));
      if (toGradient(probabilities, target) < negligibleError) {
        skipped++;
        continue;
      }
      const rate = learningRate + ((finalLearningRate - learningRate) * step) / steps;
      update(model, features, { row, rate, gradient: probabilities });
    }
    options.onProgress({ epoch: epoch + 1, epochs, loss: loss / features.rows, skipped });
  }
  return model;
}

/** Writes the class probabilities of a row into `out`. */
function predict(model: LinearModel, features: FeatureRows, row: number, out: Float64Array): void {
  const { classes, parameters, bias } = model;
  const { offsets, buckets, counts } = features;
  const share = 1 / (features.totals[row] ?? 1);
  const end = offsets[row + 1] ?? 0;
  for (let c = 0; c < classes; c++) out[c] = 0;
  for (let k = offsets[row] ?? 0; k < end; k++) {
    const base = (buckets[k] ?? 0) * 2 * classes;
    const count = counts[k] ?? 0;
    for (let c = 0; c < classes; c++) out[c] = (out[c] ?? 0) + count * (parameters[base + c] ?? 0);
  }
  for (let c = 0; c < classes; c++) out[c] = (out[c] ?? 0) * share + (bias[c] ?? 0);
  softmax(out, 0, classes);
}

/** Turns probabilities into the gradient of the loss by the logits, p − y; returns its largest magnitude. */
function toGradient(probabilities: Float64Array, target: number): number {
  probabilities[target] = (probabilities[target] ?? 0) - 1;
  let largest = 0;
  for (const value of probabilities) largest = Math.max(largest, Math.abs(value));
  return largest;
}

function update(
  model: LinearModel,
  features: FeatureRows,
  step: { row: number; rate: number; gradient: Float64Array },
): void {
  const { classes, parameters, bias } = model;
  const { offsets, buckets, counts } = features;
  const { row, rate, gradient } = step;
  const share = 1 / (features.totals[row] ?? 1);
  const end = offsets[row + 1] ?? 0;
  for (let k = offsets[row] ?? 0; k < end; k++) {
    const base = (buckets[k] ?? 0) * 2 * classes;
    const value = (counts[k] ?? 0) * share;
    for (let c = 0; c < classes; c++) {
      const g = (gradient[c] ?? 0) * value;
      const sum = (parameters[base + classes + c] ?? 0) + g * g;
      parameters[base + classes + c] = sum;
      parameters[base + c] = (parameters[base + c] ?? 0) - (rate * g) / (Math.sqrt(sum) + epsilon);
    }
  }
  for (let c = 0; c < classes; c++) {
    const g = gradient[c] ?? 0;
    const sum = (bias[classes + c] ?? 0) + g * g;
    bias[classes + c] = sum;
    bias[c] = (bias[c] ?? 0) - (rate * g) / (Math.sqrt(sum) + epsilon);
  }
}

/** Softmax in place over `length` values from `start`. */
export function softmax(values: Float64Array, start: number, length: number): void {
  let largest = -Infinity;
  for (let i = start; i < start + length; i++) largest = Math.max(largest, values[i] ?? 0);
  let sum = 0;
  for (let i = start; i < start + length; i++) {
    const exponential = Math.exp((values[i] ?? 0) - largest);
    values[i] = exponential;
    sum += exponential;
  }
  for (let i = start; i < start + length; i++) values[i] = (values[i] ?? 0) / sum;
}
