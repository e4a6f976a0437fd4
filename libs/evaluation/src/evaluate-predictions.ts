import { type Interval, percentileBootstrap, wilsonInterval } from '#libs/statistics';
import { addTexts, type Cell, clearCounts, emptyClassCounts, f1Of, macroF1Of } from './class-counts.ts';
import { confusionMatrix, type LabelledPrediction } from './confusion-matrix.ts';

export interface EvaluationOptions {
  /** Bootstrap resamples of the macro-F1 interval. */
  resamples: number;
  seed: number;
}

/** Figures of one class; structurally the `ClassPerformance` of the performance report. */
export interface ClassFigures {
  label: string;
  /** Texts of this class. */
  support: number;
  /** Wilson interval. */
  precision: Interval;
  /** Wilson interval. */
  recall: Interval;
  f1: number;
}

/** How good predictions were; all intervals cover 95 %. */
export interface Evaluation {
  /** Wilson interval. */
  accuracy: Interval;
  /** Over the classes that occur, as actual or as predicted; bootstrap interval (see `pseudoTexts`). */
  macroF1: Interval;
  /** One for each class that occurs, as actual or as predicted, by label. */
  classes: ClassFigures[];
}

/**
 * Accuracy, macro-F1 and the figures of each class. Without rows nothing is known: values 0, intervals [0, 1].
 * Equal input and seed give an equal answer, in any order of the rows.
 */
export function evaluatePredictions(rows: readonly LabelledPrediction[], options: EvaluationOptions): Evaluation {
  if (rows.length === 0) {
    return { accuracy: wilsonInterval(0, 0), macroF1: wilsonInterval(0, 0), classes: [] };
  }
  const { labels, counts } = confusionMatrix(rows);
  const cells: Cell[] = [];
  const observed: number[] = [];
  const pseudoCounts: number[] = [];
  const pseudo = pseudoTexts(counts);
  for (const [actual, row] of counts.entries()) {
    for (const [predicted, count] of row.entries()) {
      const extra = pseudo({ actual, predicted });
      if (count + extra === 0) continue;
      cells.push({ actual, predicted });
      observed.push(count);
      pseudoCounts.push(extra);
    }
  }
  const scratch = emptyClassCounts(labels.length);
  const fill = (drawn: ArrayLike<number>) => {
    clearCounts(scratch);
    for (const [i, cell] of cells.entries()) addTexts(scratch, cell, drawn[i] ?? 0);
    return scratch;
  };
  const macroF1 = percentileBootstrap(observed, (drawn) => macroF1Of(fill(drawn)), { ...options, pseudoCounts });
  const { hits, actual, predicted } = fill(observed);
  const accuracy = wilsonInterval(
    hits.reduce((sum, count) => sum + count, 0),
    rows.length,
  );
  return {
    accuracy,
    // With one class there is nothing to confuse it with: both are 1, and equally uncertain.
    macroF1: labels.length === 1 ? accuracy : macroF1,
    classes: labels.map((label, k) => ({
      label,
      support: actual[k] ?? 0,
      precision: wilsonInterval(hits[k] ?? 0, predicted[k] ?? 0),
      recall: wilsonInterval(hits[k] ?? 0, actual[k] ?? 0),
      f1: f1Of(scratch, k),
    })),
  };
}

/**
 * One more right and one more wrong answer, spread evenly over the classes with texts; a wrong one goes to the class
 * after. With them the interval of macro-F1 keeps its coverage when hardly any answer is wrong, where a plain percentile
 * bootstrap covers as little as 40 % (docs/statistics.md). The same idea as Agresti and Coull's, The American Statistician
 * 1998.
 */
function pseudoTexts(counts: readonly number[][]): (cell: Cell) => number {
  const occurs = counts.map((row) => row.some((count) => count > 0));
  const share = 1 / occurs.filter(Boolean).length;
  return ({ actual, predicted }) =>
    occurs[actual] === true && (predicted === actual || predicted === (actual + 1) % counts.length) ? share : 0;
}
