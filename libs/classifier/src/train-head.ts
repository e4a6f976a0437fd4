import { seededRandom } from '#libs/statistics';
import { calibrate } from './calibrate.ts';
import { checkedTexts } from './checked-texts.ts';
import type { Calibration, TrainingProgress } from './classifier.ts';
import type { FeatureRows } from './features.ts';
import { fitLinearModel, softmax } from './sgd.ts';
import { split } from './validation-split.ts';

/** A linear classifier on embeddings. */
export interface Head {
  /** float32 [dimension, classes], row-major. */
  weights: Float32Array;
  /** float32 [classes]. */
  bias: Float32Array;
}

export interface HeadInput {
  texts: readonly string[];
  /** float32 [texts, dimension], row-major: what the encoder gives for each text. */
  embeddings: Float32Array;
  dimension: number;
  /** One a text. */
  labels: readonly string[];
  /** One a text: texts of one group are held out together or not at all. Default: every text on its own. */
  groups?: readonly string[];
  /** An integer from 0 to 2^32 − 1. */
  seed: number;
  /** Called after every epoch. */
  onProgress?: (progress: TrainingProgress) => void;
}

export interface TrainedHead extends Head {
  /** Sorted by UTF-16 code units; columns of the weights. */
  labels: string[];
  temperature: number;
  calibration: Calibration;
  /** Texts learned from, and texts left out because they were blank. */
  training: { texts: number; blank: number };
}

/** Embeddings are dense and of length 1, so steps are smaller than on n-grams and there are more passes. */
const fit = { epochs: 30, learningRate: 0.2, finalLearningRate: 0.02, validationShare: 0.1 };

/**
 * Trains multinomial logistic regression on embeddings, as `trainClassifier` does on n-grams: the same order, hold-out and
 * temperature. Equal input and seed give equal weights, to the bit.
 * @throws ClassifierError when the input cannot be trained on.
 */
export function trainHead(input: HeadInput): TrainedHead {
  const { rows, labels, blank } = checkedTexts(input);
  const { embeddings, dimension } = input;
  const random = seededRandom(input.seed);
  const vectors = rows.map((row) => ({
    ...row,
    embedding: embeddings.subarray(row.index * dimension, (row.index + 1) * dimension),
  }));
  const { training, validation } = split(vectors, { share: fit.validationShare, random });
  const model = fitLinearModel(
    denseFeatures(
      training.map(({ embedding }) => embedding),
      dimension,
    ),
    Int32Array.from(training, ({ target }) => target),
    labels.length,
    { ...fit, random, signal: undefined, onProgress: input.onProgress ?? (() => undefined) },
  );
  const classes = labels.length;
  const weights = new Float32Array(dimension * classes);
  for (let row = 0; row < dimension; row++)
    weights.set(model.parameters.subarray(row * 2 * classes, row * 2 * classes + classes), row * classes);
  const head = { weights, bias: Float32Array.from(model.bias.subarray(0, classes)) };
  return {
    labels,
    ...head,
    ...calibrate(validation, classes, ({ embedding }, logits) => writeLogits(head, embedding, logits)),
    training: { texts: training.length, blank },
  };
}

/** Probabilities that a head gives for one embedding. */
export function scoreEmbedding(head: Head & { temperature: number }, embedding: Float32Array): Float64Array {
  const logits = new Float64Array(head.bias.length);
  writeLogits(head, embedding, logits);
  for (const [c, logit] of logits.entries()) logits[c] = logit / head.temperature;
  softmax(logits, 0, logits.length);
  return logits;
}

function writeLogits({ weights, bias }: Head, embedding: Float32Array, logits: Float64Array): void {
  const classes = bias.length;
  logits.set(bias);
  for (const [row, value] of embedding.entries())
    for (let c = 0; c < classes; c++) logits[c] = (logits[c] ?? 0) + value * (weights[row * classes + c] ?? 0);
}

/** Every value of every embedding as a feature that occurs so many times in a text of one n-gram. */
function denseFeatures(embeddings: readonly Float32Array[], dimension: number): FeatureRows {
  const rows = embeddings.length;
  const counts = new Float32Array(rows * dimension);
  for (const [row, embedding] of embeddings.entries()) counts.set(embedding, row * dimension);
  return {
    rows,
    size: dimension,
    offsets: Float64Array.from({ length: rows + 1 }, (_, row) => row * dimension),
    buckets: Uint16Array.from({ length: rows * dimension }, (_, i) => i % dimension),
    counts,
    totals: new Int32Array(rows).fill(1),
  };
}
