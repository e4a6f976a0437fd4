import { Strata } from './strata.ts';
import type { TextFeatures } from './text-features.ts';
import { emptyVocabularies, type TermRow, type TextRow, textRow, type Vocabularies } from './text-rows.ts';

/** With half of the texts held out, a term of one text more vanishes once in 8,000 times. */
export const mostTextsOfRare = 12;

/** In how many texts each term occurs. */
export interface DocumentFrequencies {
  /** By term. */
  total: Int32Array;
  /** By term and stratum: term × strata + stratum. */
  byStratum: Int32Array;
  /** The terms of each row that two or a few texts have: with single ones only they can vanish when texts are held out. */
  rare: readonly Int32Array[];
  /** Of each row, the share of its terms that no other text has. */
  singleShare: Float64Array;
  /** By term and stratum, for rare terms: sum over the texts with it of its share of the text's terms. */
  rareShare: Float64Array;
}

/** The reference as numbers, ready for many comparisons. Nothing in it changes after it was built. */
export interface ReferenceTexts {
  rows: readonly TextRow[];
  vocabularies: Vocabularies;
  strata: Strata;
  /** Stratum of each row. */
  stratumOf: Int32Array;
  /** Row numbers of each stratum. */
  members: readonly Int32Array[];
  /** Rows of each stratum. */
  available: Int32Array;
  words: DocumentFrequencies;
  ngrams: DocumentFrequencies;
  letters: DocumentFrequencies;
  /** Sum over texts of each character's share of the text: character × strata + stratum. */
  letterMass: Float64Array;
}

/** Turns texts into numbers. */
export function readReference(texts: readonly TextFeatures[]): ReferenceTexts {
  const vocabularies = emptyVocabularies();
  const rows = texts.map((features) => textRow(features, vocabularies, (kind, term) => vocabularies[kind].add(term)));
  const strata = new Strata(rows.map(({ predicted }) => predicted));
  const stratumOf = Int32Array.from(rows, ({ predicted }) => strata.of(predicted));
  const members = Array.from({ length: strata.count }, (_, k) =>
    Int32Array.from([...stratumOf.keys()].filter((row) => stratumOf[row] === k)),
  );
  const frequencies = (size: number, terms: (row: TextRow) => TermRow): DocumentFrequencies => {
    const total = new Int32Array(size);
    const byStratum = new Int32Array(size * strata.count);
    for (const [i, row] of rows.entries()) {
      for (const term of terms(row).known) {
        total[term] = (total[term] ?? 0) + 1;
        const cell = term * strata.count + (stratumOf[i] ?? 0);
        byStratum[cell] = (byStratum[cell] ?? 0) + 1;
      }
    }
    const frequencyOf = (term: number) => total[term] ?? 0;
    const rare = rows.map((row) =>
      terms(row).known.filter((term) => frequencyOf(term) > 1 && frequencyOf(term) <= mostTextsOfRare),
    );
    const singleShare = Float64Array.from(rows, (row) => {
      const { known } = terms(row);
      return known.length === 0 ? 0 : known.filter((term) => frequencyOf(term) === 1).length / known.length;
    });
    const rareShare = new Float64Array(byStratum.length);
    for (const [i, row] of rows.entries()) {
      for (const term of rare[i] ?? []) {
        const cell = term * strata.count + (stratumOf[i] ?? 0);
        rareShare[cell] = (rareShare[cell] ?? 0) + 1 / terms(row).known.length;
      }
    }
    return { total, byStratum, rare, singleShare, rareShare };
  };
  const letterMass = new Float64Array(vocabularies.letters.size * strata.count);
  for (const [i, row] of rows.entries()) {
    for (const [j, letter] of row.letters.known.entries()) {
      const cell = letter * strata.count + (stratumOf[i] ?? 0);
      letterMass[cell] = (letterMass[cell] ?? 0) + (row.letterShares[j] ?? 0);
    }
  }
  return {
    rows,
    vocabularies,
    strata,
    stratumOf,
    members,
    available: Int32Array.from(members, ({ length }) => length),
    words: frequencies(vocabularies.words.size, ({ words }) => words),
    ngrams: frequencies(vocabularies.ngrams.size, ({ ngrams }) => ngrams),
    letters: frequencies(vocabularies.letters.size, ({ letters }) => letters),
    letterMass,
  };
}
