import { bucketCount, ngramCount } from './features.ts';
import type { LinearModel } from './sgd.ts';

/** Integer weights with the value of one unit. */
export interface QuantisedWeights {
  weights: Int16Array;
  scale: number;
}

/** The largest magnitude a weight may have so that no text of this length can bring a sum to 2^24. */
export function largestWeight(maximumCharacters: number): number {
  return Math.min(Math.floor((2 ** 24 - 1) / ngramCount(maximumCharacters + 2)), 32_767);
}

/**
 * Rounds weights to integers whose sums over any text stay below 2^24, the range in which float32 holds every integer.
 * Such sums are exact, hence the same in whatever order and company a kernel adds them: an answer does not depend on
 * the other texts of its batch, on padding, on threads. That holds for float kernels too, which matters because ONNX
 * Runtime's CUDA provider reduces integers as float32. With 1,000 characters a weight keeps about 13 bits.
 */
export function quantise(model: LinearModel, maximumCharacters: number): QuantisedWeights {
  const { classes, parameters } = model;
  const stride = 2 * classes;
  let largest = 0;
  for (let row = 0; row < bucketCount; row++) {
    for (let c = 0; c < classes; c++) largest = Math.max(largest, Math.abs(parameters[row * stride + c] ?? 0));
  }
  const scale = Math.fround(largest === 0 ? 1 : largest / largestWeight(maximumCharacters));
  const limit = largestWeight(maximumCharacters);
  const weights = new Int16Array(bucketCount * classes);
  for (let row = 0; row < bucketCount; row++) {
    for (let c = 0; c < classes; c++) {
      const rounded = Math.round((parameters[row * stride + c] ?? 0) / scale);
      weights[row * classes + c] = Math.max(-limit, Math.min(limit, rounded));
    }
  }
  return { weights, scale };
}
