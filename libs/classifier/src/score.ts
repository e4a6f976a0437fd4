import { normalise } from '#libs/normalisation';
import type { TrainedClassifier } from './classifier.ts';
import { hashNgrams, ngramCount } from './features.ts';
import { softmax } from './sgd.ts';

/** What scoring needs of a classifier. */
export type Scorer = Omit<TrainedClassifier, 'calibration' | 'training'>;

/**
 * Reference scorer: the probabilities that the graph answers, computed here from the same integer weights; they differ
 * by float32 rounding only (about 1e-7). For tests, golden texts and calibration; serving runs the graph.
 * @returns one float32 [labels] a text.
 */
export function scoreTexts(classifier: Scorer, texts: readonly string[]): Float32Array[] {
  return texts.map((text) => {
    const values = new Float64Array(classifier.labels.length);
    writeLogits(classifier, normalise(text, classifier.maximumCharacters), values);
    for (const [c, logit] of values.entries()) values[c] = Math.fround(logit / classifier.temperature);
    softmax(values, 0, values.length);
    return Float32Array.from(values);
  });
}

/** Writes the logits (temperature 1) of a normalised text, rounded to float32 where the graph rounds. */
export function writeLogits(
  { weights, scale, bias }: Pick<Scorer, 'weights' | 'scale' | 'bias'>,
  text: string,
  out: Float64Array,
): void {
  const classes = out.length;
  const buckets = new Uint16Array(ngramCount(text.length));
  const count = hashNgrams(text, buckets);
  out.fill(0);
  for (const bucket of buckets) {
    for (let c = 0; c < classes; c++) out[c] = (out[c] ?? 0) + (weights[bucket * classes + c] ?? 0);
  }
  for (let c = 0; c < classes; c++) {
    const mean = Math.fround((out[c] ?? 0) / count);
    out[c] = Math.fround(Math.fround(mean * scale) + (bias[c] ?? 0));
  }
}
