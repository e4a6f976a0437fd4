import { jensenShannonDistance } from './jensen-shannon.ts';
import { kolmogorovSmirnov } from './kolmogorov-smirnov.ts';
import { windowOutOfVocabulary } from './out-of-vocabulary.ts';
import { populationStabilityIndex } from './population-stability-index.ts';
import type { ReferenceTexts } from './reference-texts.ts';
import type { TextRow } from './text-rows.ts';
import { stratumCounts, type Weighting } from './weighting.ts';

/**
 * What is compared, in the order of every array of measures. All but `expectedAccuracy` are distances or shares that
 * rise when something moved; `expectedAccuracy` is the reference's mean confidence less the window's.
 */
export const measureNames = [
  'textLength',
  'wordCount',
  'characterDistribution',
  'wordOutOfVocabularyShare',
  'ngramOutOfVocabularyShare',
  'confidenceDistribution',
  'expectedAccuracy',
  'predictedClasses',
] as const;

export type MeasureName = (typeof measureNames)[number];

/** The numbers of a text whose distributions are compared, in the order of their measures. */
export const distributions = [
  (row: TextRow) => row.characters,
  (row: TextRow) => row.wordCount,
  (row: TextRow) => row.confidence,
] as const;

/** Measures of a window against the whole reference, weighted to the window's shares of predicted classes. */
export function windowMeasures(data: ReferenceTexts, window: readonly TextRow[], weighting: Weighting): Float64Array {
  const weights = Float64Array.from(data.stratumOf, (k) => (weighting.shares[k] ?? 0) / (data.available[k] ?? 1));
  const [textLength = 0, wordCount = 0, confidence = 0] = distributions.map((of) =>
    kolmogorovSmirnov({ values: data.rows.map(of), weights }, { values: window.map(of) }),
  );
  return measuresOf({
    textLength,
    wordCount,
    characterDistribution: letterDistance(data, window, weighting),
    wordOutOfVocabularyShare: windowOutOfVocabulary(window, 'words', { data, weighting }),
    ngramOutOfVocabularyShare: windowOutOfVocabulary(window, 'ngrams', { data, weighting }),
    confidenceDistribution: confidence,
    expectedAccuracy: referenceConfidence(data, weighting) - meanConfidence(window),
    predictedClasses: populationStabilityIndex(data.available, stratumCounts(window, data.strata)),
  });
}

/** Measures as an array in the order of `measureNames`. */
export function measuresOf(values: Record<MeasureName, number>): Float64Array {
  return Float64Array.from(measureNames, (name) => values[name]);
}

/** Mean calibrated confidence: the accuracy to expect without labels. Source: Guillory et al., ICCV 2021. */
export function meanConfidence(rows: readonly TextRow[]): number {
  return rows.reduce((sum, { confidence }) => sum + confidence, 0) / rows.length;
}

/** The reference's mean confidence, had it the window's shares of predicted classes. */
export function referenceConfidence(data: ReferenceTexts, { shares, available }: Weighting): number {
  return data.rows.reduce((sum, { confidence }, i) => {
    const k = data.stratumOf[i] ?? 0;
    return sum + (confidence * (shares[k] ?? 0)) / (available[k] ?? 1);
  }, 0);
}

function letterDistance(data: ReferenceTexts, window: readonly TextRow[], { shares, available }: Weighting): number {
  const letters = data.vocabularies.letters.size;
  const strata = data.strata.count;
  // The last cell holds everything the reference has never seen: the distance is the same as with one cell each.
  const [expected, seen] = [new Float64Array(letters + 1), new Float64Array(letters + 1)];
  for (let letter = 0; letter < letters; letter++) {
    for (let k = 0; k < strata; k++) {
      const weight = (shares[k] ?? 0) / (available[k] ?? 1);
      expected[letter] = (expected[letter] ?? 0) + (data.letterMass[letter * strata + k] ?? 0) * weight;
    }
  }
  for (const { letters: found, letterShares } of window) {
    let unknown = found.known.length + found.unknown > 0 ? 1 : 0;
    for (const [i, letter] of found.known.entries()) {
      const share = letterShares[i] ?? 0;
      seen[letter] = (seen[letter] ?? 0) + share;
      unknown -= share;
    }
    seen[letters] = (seen[letters] ?? 0) + Math.max(0, unknown);
  }
  return jensenShannonDistance(expected, seen);
}
