import { benjaminiHochberg } from './benjamini-hochberg.ts';
import type { ReferenceTexts } from './reference-texts.ts';
import { stratifiedExactTest } from './stratified-exact-test.ts';
import { characterCounts, distinctNgrams } from './terms.ts';
import type { TextFeatures } from './text-features.ts';
import { type Proportions, stratifiedProportionTest } from './two-proportion-test.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A term whose rate moved between reference and window; structurally the `Movement` of the drift report. */
export interface Movement {
  term: string;
  /** word, character or ngram. */
  kind: string;
  /** Share of reference texts that contain it. */
  referenceRate: number;
  windowRate: number;
  referenceTexts: number;
  windowTexts: number;
  /** Benjamini–Hochberg adjusted over all candidate terms of all kinds. */
  pValue: number;
}

/** Terms in fewer texts than this, of reference and window together, cannot be told from chance. */
const fewestTexts = 5;

/** Up to this many texts the test is exact; above, the normal approximation holds. */
const exactUpTo = 30;

/** Rows of the card a kind: n-grams repeat what words say. */
const cardRows = { word: 12, character: 6, ngram: 6 };

type Kind = keyof typeof cardRows;

interface Candidate extends Omit<Movement, 'pValue' | 'kind'> {
  kind: Kind;
  raw: number;
}

/**
 * The words, characters and n-grams whose rates moved, most certain first: the drift card. Rates are compared within
 * predicted classes, so words that merely belong to a class that became more frequent stay off the card; whoever is on
 * it also moved overall in the same direction. Any language: nothing is known about words but where they occur.
 */
export function findMovements(
  data: ReferenceTexts,
  texts: readonly TextFeatures[],
  { falseDiscoveryRate }: { falseDiscoveryRate: number },
): Movement[] {
  const strata = data.strata.count;
  const windowTotals = new Int32Array(strata);
  const counts = { word: new TermCounts(strata), character: new TermCounts(strata), ngram: new TermCounts(strata) };
  for (const text of texts) {
    const stratum = data.strata.of(text.predicted);
    windowTotals[stratum] = (windowTotals[stratum] ?? 0) + 1;
    counts.word.add(new Set(text.words), stratum);
    counts.character.add(characterCounts(text.text).keys(), stratum);
    counts.ngram.add(distinctNgrams(text.text), stratum);
  }
  const totals = { reference: data.available, window: windowTotals };
  const candidates = [
    ...candidatesOf('word', { ...totals, counts: counts.word, vocabulary: data.vocabularies.words, known: data.words }),
    ...candidatesOf('character', {
      ...totals,
      counts: counts.character,
      vocabulary: data.vocabularies.letters,
      known: data.letters,
    }),
    ...candidatesOf('ngram', {
      ...totals,
      counts: counts.ngram,
      vocabulary: data.vocabularies.ngrams,
      known: data.ngrams,
    }),
  ];
  const adjusted = benjaminiHochberg(candidates.map(({ raw }) => raw));
  const moved = candidates
    .map(({ raw, ...candidate }, index) => ({ ...candidate, raw, pValue: adjusted[index] ?? 1 }))
    .filter(({ pValue }) => pValue <= falseDiscoveryRate)
    .sort((a, b) => a.raw - b.raw || change(b) - change(a) || (a.term < b.term ? -1 : 1));
  const shown = { word: 0, character: 0, ngram: 0 };
  return moved
    .filter(({ kind }) => shown[kind]++ < cardRows[kind])
    .map(({ term, kind, referenceRate, windowRate, referenceTexts, windowTexts, pValue }) => {
      return { term, kind, referenceRate, windowRate, referenceTexts, windowTexts, pValue };
    });
}

function change({ referenceRate, windowRate }: { referenceRate: number; windowRate: number }): number {
  return Math.abs(windowRate - referenceRate);
}

/** In how many window texts of each stratum a term occurs. */
class TermCounts {
  readonly byTerm = new Map<string, Int32Array>();
  readonly #strata: number;

  constructor(strata: number) {
    this.#strata = strata;
  }

  add(terms: Iterable<string>, stratum: number): void {
    for (const term of terms) {
      const counts = this.byTerm.get(term) ?? new Int32Array(this.#strata);
      counts[stratum] = (counts[stratum] ?? 0) + 1;
      this.byTerm.set(term, counts);
    }
  }
}

interface Sides {
  reference: Int32Array;
  window: Int32Array;
  counts: TermCounts;
  vocabulary: Vocabulary;
  known: { total: Int32Array; byStratum: Int32Array };
}

function* candidatesOf(kind: Kind, { reference, window, counts, vocabulary, known }: Sides): Generator<Candidate> {
  const strata = reference.length;
  const referenceSize = sum(reference);
  const windowSize = sum(window);
  const none = new Int32Array(strata);
  function* all(): Generator<[string, Int32Array, Int32Array]> {
    let id = 0;
    for (const term of vocabulary.terms()) {
      const first = id++ * strata;
      if ((known.total[id - 1] ?? 0) >= fewestTexts || counts.byTerm.has(term)) {
        yield [term, known.byStratum.subarray(first, first + strata), counts.byTerm.get(term) ?? none];
      }
    }
    for (const [term, found] of counts.byTerm) if (vocabulary.find(term) === undefined) yield [term, none, found];
  }
  for (const [term, inReference, inWindow] of all()) {
    const [referenceTexts, windowTexts] = [sum(inReference), sum(inWindow)];
    if (referenceTexts + windowTexts < fewestTexts) continue;
    const table: Proportions[] = [];
    for (let k = 0; k < strata; k++) {
      table.push({
        referenceHits: inReference[k] ?? 0,
        referenceTotal: reference[k] ?? 0,
        windowHits: inWindow[k] ?? 0,
        windowTotal: window[k] ?? 0,
      });
    }
    const { z, pValue } =
      referenceTexts + windowTexts <= exactUpTo ? stratifiedExactTest(table) : stratifiedProportionTest(table);
    const [referenceRate, windowRate] = [referenceTexts / referenceSize, windowTexts / windowSize];
    const agrees = Math.sign(windowRate - referenceRate) === Math.sign(z);
    yield { term, kind, referenceRate, windowRate, referenceTexts, windowTexts, raw: agrees ? pValue : 1 };
  }
}

function sum(counts: Int32Array): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] ?? 0;
  return total;
}
