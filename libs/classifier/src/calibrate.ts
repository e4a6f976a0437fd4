import type { Calibration } from './classifier.ts';

/** Bounds of a temperature: beyond them the validation texts say too little to be believed. */
export const temperatureBounds = { least: 0.5, most: 5 } as const;

/** With fewer validation texts the temperature stays 1. */
export const fewestValidationTexts = 50;

/** Probability that the target gives away to all labels alike. */
const smoothing = 0.01;

/**
 * Fits the temperature on validation texts and counts how many of them were answered right.
 * @param writeLogits writes the logits of a row, at temperature 1
 */
export function calibrate<R extends { target: number }>(
  validation: readonly R[],
  classes: number,
  writeLogits: (row: R, logits: Float64Array) => void,
): { temperature: number; calibration: Calibration } {
  const logits = new Float64Array(validation.length * classes);
  let right = 0;
  for (const [at, row] of validation.entries()) {
    const own = logits.subarray(at * classes, (at + 1) * classes);
    writeLogits(row, own);
    if (own.indexOf(Math.max(...own)) === row.target) right++;
  }
  const targets = Int32Array.from(validation, ({ target }) => target);
  const texts = validation.length;
  const accuracy = texts === 0 ? undefined : right / texts;
  return { temperature: fitTemperature(logits, targets, classes), calibration: { texts, accuracy } };
}

/**
 * The temperature that minimises the cross-entropy of softmax(logits / T) on validation texts, against targets smoothed
 * by 0.01 and within bounds. Unsmoothed targets on separable validation texts drive T towards 0, and a model that is
 * sure of everything hides texts it has never seen the like of.
 * Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017 (temperature);
 * Szegedy et al., "Rethinking the Inception architecture", CVPR 2016 (smoothing).
 * @param logits float64 [texts, classes] at temperature 1.
 * @param targets class of each text.
 * @returns 1 when there are fewer than 50 texts.
 */
export function fitTemperature(logits: Float64Array, targets: Int32Array, classes: number): number {
  if (targets.length < fewestValidationTexts) return 1;
  // The loss is convex in 1 / T, so it has one valley on the log scale as well; golden-section search finds it.
  const golden = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(temperatureBounds.least);
  let high = Math.log(temperatureBounds.most);
  const loss = (logTemperature: number): number =>
    smoothedLoss(logits, targets, { classes, temperature: Math.exp(logTemperature) });
  let left = high - golden * (high - low);
  let right = low + golden * (high - low);
  let lossLeft = loss(left);
  let lossRight = loss(right);
  for (let i = 0; i < 40; i++) {
    if (lossLeft <= lossRight) {
      [high, right, lossRight] = [right, left, lossLeft];
      left = high - golden * (high - low);
      lossLeft = loss(left);
    } else {
      [low, left, lossLeft] = [left, right, lossRight];
      right = low + golden * (high - low);
      lossRight = loss(right);
    }
  }
  const temperature = Math.exp((low + high) / 2);
  return Math.fround(Math.min(Math.max(temperature, temperatureBounds.least), temperatureBounds.most));
}

function smoothedLoss(
  logits: Float64Array,
  targets: Int32Array,
  { classes, temperature }: { classes: number; temperature: number },
): number {
  let total = 0;
  for (let row = 0; row < targets.length; row++) {
    const base = row * classes;
    let largest = -Infinity;
    let mean = 0;
    for (let c = 0; c < classes; c++) {
      const logit = (logits[base + c] ?? 0) / temperature;
      largest = Math.max(largest, logit);
      mean += logit / classes;
    }
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += Math.exp((logits[base + c] ?? 0) / temperature - largest);
    const target = (logits[base + (targets[row] ?? 0)] ?? 0) / temperature;
    total += largest + Math.log(sum) - ((1 - smoothing) * target + smoothing * mean);
  }
  return total;
}
