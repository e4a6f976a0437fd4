import { characterCounts, distinctNgrams } from './terms.ts';
import type { TextFeatures } from './text-features.ts';
import { Vocabulary } from './vocabulary.ts';

/** Terms of one kind in one text: numbers of the vocabulary's terms, and how many of its terms the vocabulary lacks. */
export interface TermRow {
  known: Int32Array;
  unknown: number;
}

/** One text as numbers. */
export interface TextRow {
  predicted: string;
  confidence: number;
  characters: number;
  wordCount: number;
  words: TermRow;
  ngrams: TermRow;
  letters: TermRow;
  /** Share of the text's characters that each of `letters.known` has; the rest is unknown. */
  letterShares: Float64Array;
}

export type TermKind = 'words' | 'ngrams' | 'letters';

export type Vocabularies = Record<TermKind, Vocabulary>;

export function emptyVocabularies(): Vocabularies {
  return { words: new Vocabulary(), ngrams: new Vocabulary(), letters: new Vocabulary() };
}

/** What becomes of a term that a vocabulary lacks: its number if it gets one. */
export type OnNewTerm = (kind: TermKind, term: string) => number | undefined;

/** A text as numbers; terms without a number from `onNew` count as unknown. */
export function textRow(features: TextFeatures, vocabularies: Vocabularies, onNew: OnNewTerm): TextRow {
  const termRow = (kind: TermKind, terms: Iterable<string>): TermRow => {
    const known: number[] = [];
    let unknown = 0;
    for (const term of terms) {
      const id = vocabularies[kind].find(term) ?? onNew(kind, term);
      if (id === undefined) unknown++;
      else known.push(id);
    }
    return { known: Int32Array.from(known), unknown };
  };
  const counts = characterCounts(features.text);
  const letters = termRow('letters', counts.keys());
  let total = 0;
  for (const count of counts.values()) total += count;
  const shares: number[] = [];
  for (const [letter, count] of counts) {
    if (vocabularies.letters.find(letter) !== undefined) shares.push(count / total);
  }
  return {
    predicted: features.predicted,
    confidence: features.confidence,
    characters: features.characters,
    wordCount: features.words.length,
    words: termRow('words', new Set(features.words)),
    ngrams: termRow('ngrams', distinctNgrams(features.text)),
    letters,
    letterShares: Float64Array.from(shares),
  };
}
