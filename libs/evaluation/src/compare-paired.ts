import { type Interval, percentileBootstrap } from '#libs/statistics';
import { accuracyOf, addTexts, clearCounts, emptyClassCounts, macroF1Of } from './class-counts.ts';
import type { EvaluationOptions } from './evaluate-predictions.ts';
import { type McNemar, mcNemarTest } from './mcnemar.ts';

/** What two versions answered to one text. */
export interface PairedPrediction {
  actual: string;
  champion: string;
  challenger: string;
}

/** Two versions on the same texts; differences are the challenger's figure less the champion's. */
export interface PairedComparison extends McNemar {
  texts: number;
  bothRight: number;
  bothWrong: number;
  onlyChampionRight: number;
  onlyChallengerRight: number;
  /** Macro-F1 over the classes that occur, as actual or in the version's own answers. */
  champion: { accuracy: number; macroF1: number };
  challenger: { accuracy: number; macroF1: number };
  /** 95 % bootstrap of the texts (see `withPseudoTexts`). */
  accuracyDifference: Interval;
  macroF1Difference: Interval;
}

/**
 * Compares a challenger with the champion on the same labelled texts.
 * @throws RangeError without rows.
 */
export function comparePaired(rows: readonly PairedPrediction[], options: EvaluationOptions): PairedComparison {
  if (rows.length === 0) throw new RangeError('a comparison needs labelled texts');
  const outcomes = withPseudoTexts(countOutcomes(rows));
  const labels = new Set(outcomes.flatMap(({ actual, champion, challenger }) => [actual, champion, challenger]));
  const position = new Map([...labels].map((label, index) => [label, index]));
  const cells = outcomes.map(({ actual, champion, challenger }) => ({
    actual: position.get(actual) ?? 0,
    champion: position.get(champion) ?? 0,
    challenger: position.get(challenger) ?? 0,
  }));
  const scratch = { champion: emptyClassCounts(labels.size), challenger: emptyClassCounts(labels.size) };
  const fill = (counts: ArrayLike<number>) => {
    clearCounts(scratch.champion);
    clearCounts(scratch.challenger);
    for (const [i, { actual, champion, challenger }] of cells.entries()) {
      addTexts(scratch.champion, { actual, predicted: champion }, counts[i] ?? 0);
      addTexts(scratch.challenger, { actual, predicted: challenger }, counts[i] ?? 0);
    }
    return scratch;
  };
  const observed = outcomes.map(({ texts }) => texts);
  const pseudoCounts = outcomes.map(({ pseudo }) => pseudo);
  const difference = (figure: (counts: typeof scratch.champion) => number): Interval =>
    percentileBootstrap(
      observed,
      (counts) => {
        const { champion, challenger } = fill(counts);
        return figure(challenger) - figure(champion);
      },
      { ...options, pseudoCounts },
    );
  const [accuracyDifference, macroF1Difference] = [difference(accuracyOf), difference(macroF1Of)];
  const { champion, challenger } = fill(observed);
  const counts = countRight(outcomes);
  return {
    texts: rows.length,
    ...counts,
    champion: { accuracy: accuracyOf(champion), macroF1: macroF1Of(champion) },
    challenger: { accuracy: accuracyOf(challenger), macroF1: macroF1Of(challenger) },
    accuracyDifference,
    macroF1Difference,
    ...mcNemarTest(counts),
  };
}

interface Outcome extends PairedPrediction {
  texts: number;
  /** Counts for resampling only. */
  pseudo: number;
}

/** The different rows with how often each occurs, in code unit order, so that the order of the rows does not matter. */
function countOutcomes(rows: readonly PairedPrediction[]): Outcome[] {
  const found = new Map<string, Outcome>();
  for (const { actual, champion, challenger } of rows) {
    const key = JSON.stringify([actual, champion, challenger]);
    const outcome = found.get(key) ?? { actual, champion, challenger, texts: 0, pseudo: 0 };
    outcome.texts++;
    found.set(key, outcome);
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, outcome]) => outcome);
}

/**
 * Adds one more text that only the champion and one more that only the challenger answered right, spread evenly over the
 * actual classes, so that versions which happened to agree on all texts are not certain to be equal.
 */
function withPseudoTexts(outcomes: readonly Outcome[]): Outcome[] {
  const actuals = [...new Set(outcomes.map(({ actual }) => actual))];
  const answers = [...new Set(outcomes.flatMap(({ champion, challenger }) => [champion, challenger]))];
  const pseudo = 1 / actuals.length;
  return [
    ...outcomes,
    ...actuals.flatMap((actual, index) => {
      const wrong = actuals[(index + 1) % actuals.length] ?? actual;
      const other = wrong === actual ? answers.find((answer) => answer !== actual) : wrong;
      return other === undefined
        ? []
        : [
            { actual, champion: actual, challenger: other, texts: 0, pseudo },
            { actual, champion: other, challenger: actual, texts: 0, pseudo },
          ];
    }),
  ];
}

function countRight(outcomes: readonly Outcome[]) {
  const counts = { bothRight: 0, bothWrong: 0, onlyChampionRight: 0, onlyChallengerRight: 0 };
  for (const { actual, champion, challenger, texts } of outcomes) {
    if (champion === actual) counts[challenger === actual ? 'bothRight' : 'onlyChampionRight'] += texts;
    else counts[challenger === actual ? 'onlyChallengerRight' : 'bothWrong'] += texts;
  }
  return counts;
}
