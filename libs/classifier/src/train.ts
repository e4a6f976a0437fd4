import { defaultMaximumCharacters, normalise } from '#libs/normalisation';
import { seededRandom } from '#libs/statistics';
import { calibrate } from './calibrate.ts';
import type { TrainedClassifier, TrainingProgress } from './classifier.ts';
import { checkedTexts } from './checked-texts.ts';
import { ClassifierError } from './errors.ts';
import { bucketCount, extractFeatures } from './features.ts';
import { quantise } from './quantise.ts';
import { writeLogits } from './score.ts';
import { fitLinearModel } from './sgd.ts';
import { split } from './validation-split.ts';

/** How to learn; every default is what did best on unseen texts after a shift. */
export interface TrainingOptions {
  /** UTF-16 code units a text keeps, 1 to 10,000. Default 1,000. */
  maximumCharacters?: number;
  /** Passes over the texts. Default 10. */
  epochs?: number;
  /** AdaGrad's learning rate at the first and at the last step. Default 2 and 0.2. */
  learningRate?: number;
  finalLearningRate?: number;
  /** Share of the texts (of the groups, where given) held out to fit the temperature. Default 0.1. */
  validationShare?: number;
}

export interface TrainingInput {
  texts: readonly string[];
  /** One a text. */
  labels: readonly string[];
  /** One a text: texts of one group are held out together or not at all. Default: every text on its own. */
  groups?: readonly string[];
  /** An integer from 0 to 2^32 − 1. */
  seed: number;
  options?: TrainingOptions;
  /** Called after every epoch. */
  onProgress?: (progress: TrainingProgress) => void;
  /**
   * Training runs on the calling thread and does not yield, so a signal stops it only when something on that thread
   * aborts it, such as `onProgress`. To stop it from outside, train in a process of its own and end that.
   */
  signal?: AbortSignal;
}

/**
 * Trains a text classifier: multinomial logistic regression on hashed character n-grams.
 * Equal input and seed give an equal classifier, to the byte; the order of the texts is part of the input. Blank texts
 * are left out and counted. A tenth of the texts is held out for the temperature when that makes at least 50.
 * @throws ClassifierError when the input cannot be trained on; the signal's reason when it is aborted.
 */
export function trainClassifier(input: TrainingInput): TrainedClassifier {
  const options = checkedOptions(input);
  const { rows, labels, blank } = checkedTexts(input);
  const random = seededRandom(input.seed);
  const texts = rows.map((row) => ({
    ...row,
    text: normalise(input.texts[row.index] ?? '', options.maximumCharacters),
  }));
  const { training, validation } = split(texts, { share: options.validationShare, random });

  const epochs: TrainingProgress[] = [];
  const model = fitLinearModel(
    extractFeatures(training.map((row) => row.text)),
    Int32Array.from(training, (row) => row.target),
    labels.length,
    {
      ...options,
      random,
      signal: input.signal,
      onProgress: (progress) => {
        epochs.push(progress);
        input.onProgress?.(progress);
      },
    },
  );
  const linear = {
    ...quantise(model, options.maximumCharacters),
    bias: Float32Array.from(model.bias.subarray(0, labels.length)),
  };
  return {
    labels,
    buckets: bucketCount,
    ...linear,
    // On the model as it will serve: with its integer weights.
    ...calibrate(validation, labels.length, ({ text }, logits) => writeLogits(linear, text, logits)),
    maximumCharacters: options.maximumCharacters,
    training: { texts: training.length, blank, seed: input.seed, epochs },
  };
}

function checkedOptions({ seed, options = {} }: TrainingInput): Required<TrainingOptions> {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) throw new ClassifierError('SEED_INVALID', String(seed));
  const {
    maximumCharacters = defaultMaximumCharacters,
    epochs = 10,
    learningRate = 2,
    finalLearningRate = 0.2,
    validationShare = 0.1,
  } = options;
  const refuse = (wrong: boolean, detail: string): void => {
    if (wrong) throw new ClassifierError('OPTION_INVALID', detail);
  };
  const integerWithin = (value: number, most: number): boolean =>
    Number.isInteger(value) && value >= 1 && value <= most;
  refuse(!integerWithin(maximumCharacters, 10_000), `maximumCharacters must be an integer from 1 to 10,000`);
  refuse(!integerWithin(epochs, 1000), `epochs must be an integer from 1 to 1,000`);
  refuse(!(learningRate > 0 && learningRate <= 100), `learningRate must lie above 0 and be at most 100`);
  refuse(!(finalLearningRate > 0 && finalLearningRate <= 100), `finalLearningRate must lie above 0 and be at most 100`);
  refuse(!(validationShare >= 0 && validationShare <= 0.5), `validationShare must lie from 0 to 0.5`);
  return { maximumCharacters, epochs, learningRate, finalLearningRate, validationShare };
}
