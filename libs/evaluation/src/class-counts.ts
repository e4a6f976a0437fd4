/** Figures of every class, by position: of a confusion matrix, all that precision, recall and F1 need. */
export interface ClassCounts {
  /** Right answers of the class. */
  hits: Int32Array;
  /** Texts of the class. */
  actual: Int32Array;
  /** Answers of the class. */
  predicted: Int32Array;
}

export function emptyClassCounts(classes: number): ClassCounts {
  return { hits: new Int32Array(classes), actual: new Int32Array(classes), predicted: new Int32Array(classes) };
}

/** Adds `count` texts of class `actual` that were answered `predicted`. */
export function addTexts(counts: ClassCounts, { actual, predicted }: Cell, count: number): void {
  counts.actual[actual] = (counts.actual[actual] ?? 0) + count;
  counts.predicted[predicted] = (counts.predicted[predicted] ?? 0) + count;
  if (actual === predicted) counts.hits[actual] = (counts.hits[actual] ?? 0) + count;
}

/** A cell of the confusion matrix, by positions of the labels. */
export interface Cell {
  actual: number;
  predicted: number;
}

export function clearCounts({ hits, actual, predicted }: ClassCounts): void {
  hits.fill(0);
  actual.fill(0);
  predicted.fill(0);
}

/** F1 of one class: 2 hits / (texts + answers); 0 when it neither occurs nor is answered. */
export function f1Of({ hits, actual, predicted }: ClassCounts, position: number): number {
  const all = (actual[position] ?? 0) + (predicted[position] ?? 0);
  return all === 0 ? 0 : (2 * (hits[position] ?? 0)) / all;
}

/**
 * Unweighted mean F1 over the classes that occur, as actual or as predicted; 0 when none does. The mean of the F1s, not
 * the F1 of the means. Source: Opitz and Burst, Macro F1 and Macro F1, 2019; the same as scikit-learn's `f1_score`.
 */
export function macroF1Of(counts: ClassCounts): number {
  let [sum, classes] = [0, 0];
  for (let position = 0; position < counts.hits.length; position++) {
    if ((counts.actual[position] ?? 0) + (counts.predicted[position] ?? 0) === 0) continue;
    sum += f1Of(counts, position);
    classes++;
  }
  return classes === 0 ? 0 : sum / classes;
}

/** Share of right answers; 0 without texts. */
export function accuracyOf({ hits, actual }: ClassCounts): number {
  const texts = actual.reduce((sum, count) => sum + count, 0);
  return texts === 0 ? 0 : hits.reduce((sum, count) => sum + count, 0) / texts;
}
