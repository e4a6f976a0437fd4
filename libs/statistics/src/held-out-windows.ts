import { jensenShannonDistance } from './jensen-shannon.ts';
import { ascending, largestGap } from './kolmogorov-smirnov.ts';
import { distributions, measureNames, measuresOf } from './measures.ts';
import { type HeldText, heldOutOutOfVocabulary } from './out-of-vocabulary.ts';
import { populationStabilityIndex } from './population-stability-index.ts';
import { drawToFront, type Random } from './random.ts';
import type { ReferenceTexts } from './reference-texts.ts';
import type { Weighting } from './weighting.ts';

/** What does not change from one draw to the next, and scratch space. */
interface Bench {
  data: ReferenceTexts;
  columns: { values: Float64Array; order: Int32Array }[];
  steps: Float64Array;
  wordCounts: Int32Array;
  ngramCounts: Int32Array;
  letterMass: Float64Array;
}

/**
 * Measures windows that are taken out of the reference itself, each compared with the rest of the reference: what the
 * measures look like when nothing has changed.
 */
export class HeldOutWindows {
  readonly #bench: Bench;

  constructor(data: ReferenceTexts) {
    this.#bench = prepare(data);
  }

  /**
   * Random windows: `weighting.heldOut` texts of every stratum, without replacement.
   * @returns one array a measure, in the order of `measureNames`, of `draws` values.
   */
  draw(weighting: Weighting, { draws, random }: { draws: number; random: Random }): Float64Array[] {
    const { data } = this.#bench;
    const results = measureNames.map(() => new Float64Array(draws));
    const members = data.members.map((rows) => rows.slice());
    for (let draw = 0; draw < draws; draw++) {
      const chosen = members.map((rows, k) => {
        const count = weighting.heldOut[k] ?? 0;
        drawToFront(rows, count, random);
        return rows.subarray(0, count);
      });
      const measures = measure(this.#bench, weighting, chosen);
      for (const [i, values] of results.entries()) values[draw] = measures[i] ?? 0;
    }
    results[measureNames.indexOf('predictedClasses')]?.set(classShareNull(data, weighting, { draws, random }));
    return results;
  }

  /** The window of these rows: of each stratum the first `weighting.heldOut`. */
  measure(weighting: Weighting, rows: Int32Array): Float64Array {
    const { data } = this.#bench;
    const chosen = data.members.map((_, k) =>
      rows.filter((row) => data.stratumOf[row] === k).subarray(0, weighting.heldOut[k] ?? 0),
    );
    return measure(this.#bench, weighting, chosen);
  }
}

function prepare(data: ReferenceTexts): Bench {
  return {
    data,
    columns: distributions.map((of) => {
      const values = Float64Array.from(data.rows, of);
      return { values, order: ascending(values) };
    }),
    steps: new Float64Array(data.rows.length),
    wordCounts: new Int32Array(data.vocabularies.words.size),
    ngramCounts: new Int32Array(data.vocabularies.ngrams.size),
    letterMass: new Float64Array(data.letterMass.length),
  };
}

function measure(bench: Bench, weighting: Weighting, chosen: readonly Int32Array[]): Float64Array {
  const { data, columns, steps } = bench;
  const { shares, available, heldOut } = weighting;
  // A step up for every held-out text, a step down for every other: both sides sum to 1 in size.
  for (let i = 0; i < steps.length; i++) {
    const k = data.stratumOf[i] ?? 0;
    steps[i] = -(shares[k] ?? 0) / Math.max(1, (available[k] ?? 0) - (heldOut[k] ?? 0));
  }
  const held: HeldText[] = [];
  const weights = Float64Array.from(chosen, ({ length }, k) => (shares[k] ?? 0) / Math.max(1, length));
  for (const [stratum, rows] of chosen.entries()) {
    for (const index of rows) {
      const row = data.rows[index];
      if (row === undefined) continue;
      steps[index] = weights[stratum] ?? 0;
      held.push({ index, row, stratum });
    }
  }
  const [textLength = 0, wordCount = 0, confidence = 0] = columns.map(({ values, order }) =>
    largestGap(values, steps, order),
  );
  let accuracyFall = 0;
  for (let i = 0; i < steps.length; i++) accuracyFall -= (data.rows[i]?.confidence ?? 0) * (steps[i] ?? 0);
  return measuresOf({
    textLength,
    wordCount,
    characterDistribution: letterDistance(bench, weighting, held),
    wordOutOfVocabularyShare: heldOutOutOfVocabulary(held, 'words', { data, weights, counts: bench.wordCounts }),
    ngramOutOfVocabularyShare: heldOutOutOfVocabulary(held, 'ngrams', { data, weights, counts: bench.ngramCounts }),
    confidenceDistribution: confidence,
    expectedAccuracy: accuracyFall,
    predictedClasses: 0,
  });
}

function letterDistance(
  { data, letterMass }: Bench,
  { shares, available, heldOut }: Weighting,
  held: HeldText[],
): number {
  const strata = data.strata.count;
  letterMass.fill(0);
  for (const { row, stratum } of held) {
    const { known } = row.letters;
    for (let j = 0; j < known.length; j++) {
      const cell = (known[j] ?? 0) * strata + stratum;
      letterMass[cell] = (letterMass[cell] ?? 0) + (row.letterShares[j] ?? 0);
    }
  }
  const letters = data.vocabularies.letters.size;
  const [rest, window] = [new Float64Array(letters), new Float64Array(letters)];
  for (let k = 0; k < strata; k++) {
    const taken = heldOut[k] ?? 0;
    if (taken === 0) continue;
    const weight = (shares[k] ?? 0) / taken;
    const restWeight = (shares[k] ?? 0) / ((available[k] ?? 0) - taken);
    for (let letter = 0, cell = k; letter < letters; letter++, cell += strata) {
      const mass = letterMass[cell] ?? 0;
      window[letter] = (window[letter] ?? 0) + mass * weight;
      rest[letter] = (rest[letter] ?? 0) + ((data.letterMass[cell] ?? 0) - mass) * restWeight;
    }
  }
  return jensenShannonDistance(rest, window);
}

/** Class shares move freely: their null draws whole windows, whatever their classes. */
function classShareNull(
  data: ReferenceTexts,
  { heldOut }: Weighting,
  { draws, random }: { draws: number; random: Random },
): Float64Array {
  const size = heldOut.reduce((sum, count) => sum + count, 0);
  const rows = Int32Array.from(data.rows.keys());
  return Float64Array.from({ length: draws }, () => {
    drawToFront(rows, size, random);
    const counts = new Int32Array(data.strata.count);
    for (const row of rows.subarray(0, size)) {
      const k = data.stratumOf[row] ?? 0;
      counts[k] = (counts[k] ?? 0) + 1;
    }
    return populationStabilityIndex(
      data.available.map((all, k) => all - (counts[k] ?? 0)),
      counts,
    );
  });
}
