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

export interface Vocabularies {
  words: Vocabulary;
  ngrams: Vocabulary;
  letters: Vocabulary;
}

export function emptyVocabularies(): Vocabularies {
  return { words: new Vocabulary(), ngrams: new Vocabulary(), letters: new Vocabulary() };
}

/** A text as numbers; with `grow` its new terms are added to the vocabularies, without they count as unknown. */
export function textRow(features: TextFeatures, vocabularies: Vocabularies, grow: boolean): TextRow {
  const counts = characterCounts(features.text);
  const letters = termRow(counts.keys(), vocabularies.letters, grow);
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
    words: termRow(new Set(features.words), vocabularies.words, grow),
    ngrams: termRow(distinctNgrams(features.text), vocabularies.ngrams, grow),
    letters,
    letterShares: Float64Array.from(shares),
  };
}

function termRow(terms: Iterable<string>, vocabulary: Vocabulary, grow: boolean): TermRow {
  const known: number[] = [];
  let unknown = 0;
  for (const term of terms) {
    const id = grow ? vocabulary.add(term) : vocabulary.find(term);
    if (id === undefined) unknown++;
    else known.push(id);
  }
  return { known: Int32Array.from(known), unknown };
}
