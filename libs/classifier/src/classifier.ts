/** What one pass over the training texts came to. */
export interface TrainingProgress {
  /** 1 to `epochs`. */
  epoch: number;
  epochs: number;
  /** Mean −ln p(label) in nats over the pass, each text measured just before it is learned from. */
  loss: number;
  /** Texts that were already answered so well that nothing was learned from them. */
  skipped: number;
}

/** How the temperature was found. */
export interface Calibration {
  /** Held-out texts it was fitted on; 0 when there were too few and the temperature stayed 1. */
  texts: number;
  /** Share of them whose label is right; undefined without any. */
  accuracy: number | undefined;
}

/**
 * A trained text classifier: p = softmax((scale · Σ weights[bucket of each n-gram] / n-grams + bias) / temperature).
 * The weights are small integers so that their sums are exact in float32: see quantise.ts.
 */
export interface TrainedClassifier {
  /** Sorted by UTF-16 code units; columns of weights and probabilities are in this order. */
  labels: string[];
  /** Rows of `weights`; row 0 is zero. */
  buckets: number;
  /** int16 [buckets, labels], row-major. */
  weights: Int16Array;
  /** What one unit of `weights` stands for. */
  scale: number;
  /** float32 [labels]. */
  bias: Float32Array;
  temperature: number;
  /** UTF-16 code units a normalised text keeps. */
  maximumCharacters: number;
  calibration: Calibration;
  training: {
    /** Texts learned from. */
    texts: number;
    /** Texts left out because they were blank. */
    blank: number;
    seed: number;
    epochs: TrainingProgress[];
  };
}
