import { benjaminiHochberg } from './benjamini-hochberg.ts';
import type { ReferenceTexts } from './reference-texts.ts';
import { stratifiedExactTest } from './stratified-exact-test.ts';
import type { TermKind } from './text-rows.ts';
import { type Proportions, stratifiedProportionTest } from './stratified-proportion-test.ts';
import { stratumCounts } from './weighting.ts';
import type { WindowTexts } from './window-texts.ts';

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

/** Names of the kinds, and rows of the card each gets: n-grams repeat what words say. */
const kinds = [
  { terms: 'words', kind: 'word', rows: 12 },
  { terms: 'letters', kind: 'character', rows: 6 },
  { terms: 'ngrams', kind: 'ngram', rows: 6 },
] as const;

interface Candidate extends Omit<Movement, 'pValue'> {
  raw: number;
}

/**
 * The words, characters and n-grams whose rates moved, most certain first: the drift card. Rates are compared within
 * predicted classes, so words that merely belong to a class that became more frequent stay off the card; whoever is on
 * it also moved overall in the same direction. Any language: nothing is known about words but where they occur.
 */
export function findMovements(
  data: ReferenceTexts,
  window: WindowTexts,
  { falseDiscoveryRate }: { falseDiscoveryRate: number },
): Movement[] {
  const compare = new RateComparison(data, window);
  const candidates = kinds.flatMap(({ terms, kind }) =>
    [...occurrences(data, window, terms)].flatMap((occurrence) => compare.candidate(kind, occurrence) ?? []),
  );
  const adjusted = benjaminiHochberg(candidates.map(({ raw }) => raw));
  const moved = candidates
    .map((candidate, index) => ({ ...candidate, pValue: adjusted[index] ?? 1 }))
    .filter(({ pValue }) => pValue <= falseDiscoveryRate)
    .sort((a, b) => a.raw - b.raw || change(b) - change(a) || (a.term < b.term ? -1 : 1));
  const left = new Map<string, number>(kinds.map(({ kind, rows }) => [kind, rows]));
  return moved
    .filter(({ kind }) => {
      const rows = left.get(kind) ?? 0;
      left.set(kind, rows - 1);
      return rows > 0;
    })
    .map(({ term, kind, referenceRate, windowRate, referenceTexts, windowTexts, pValue }) => {
      return { term, kind, referenceRate, windowRate, referenceTexts, windowTexts, pValue };
    });
}

function change({ referenceRate, windowRate }: { referenceRate: number; windowRate: number }): number {
  return Math.abs(windowRate - referenceRate);
}

/** In how many texts of each stratum a term occurs. */
interface Occurrence {
  term: string;
  reference: Int32Array;
  window: Int32Array;
}

/** Every term of the reference or the window. */
function* occurrences(data: ReferenceTexts, { rows, stratumOf, unseen }: WindowTexts, kind: TermKind) {
  const strata = data.strata.count;
  const { byStratum } = data[kind];
  const seen = new Int32Array(byStratum.length);
  for (const [i, row] of rows.entries()) {
    const stratum = stratumOf[i] ?? 0;
    for (const term of row[kind].known) {
      const cell = term * strata + stratum;
      seen[cell] = (seen[cell] ?? 0) + 1;
    }
  }
  let first = 0;
  for (const term of data.vocabularies[kind].terms()) {
    const end = first + strata;
    yield { term, reference: byStratum.subarray(first, end), window: seen.subarray(first, end) };
    first = end;
  }
  const none = new Int32Array(strata);
  for (const [term, window] of unseen[kind]) yield { term, reference: none, window };
}

/** Compares the rates of terms in the same two sets of texts. */
class RateComparison {
  readonly #reference: Int32Array;
  readonly #window: Int32Array;
  /** Many rare terms occur equally often: their exact test is the same. */
  readonly #exact = new Map<string, { z: number; pValue: number }>();

  constructor(data: ReferenceTexts, { rows }: WindowTexts) {
    this.#reference = data.available;
    this.#window = stratumCounts(rows, data.strata);
  }

  /** Undefined when too few texts have the term. */
  candidate(kind: string, { term, reference, window }: Occurrence): Candidate | undefined {
    const [referenceTexts, windowTexts] = [sum(reference), sum(window)];
    if (referenceTexts + windowTexts < fewestTexts) return undefined;
    const referenceRate = referenceTexts / sum(this.#reference);
    const windowRate = windowTexts / sum(this.#window);
    const { z, pValue } = this.#test({ reference, window }, referenceTexts + windowTexts <= exactUpTo);
    const agrees = Math.sign(windowRate - referenceRate) === Math.sign(z);
    return { term, kind, referenceRate, windowRate, referenceTexts, windowTexts, raw: agrees ? pValue : 1 };
  }

  #test(hits: { reference: Int32Array; window: Int32Array }, exact: boolean): { z: number; pValue: number } {
    if (!exact) return stratifiedProportionTest(this.#table(hits));
    const key = `${hits.reference.join()};${hits.window.join()}`;
    const tested = this.#exact.get(key) ?? stratifiedExactTest(this.#table(hits));
    this.#exact.set(key, tested);
    return tested;
  }

  #table({ reference, window }: { reference: Int32Array; window: Int32Array }): Proportions[] {
    return Array.from(reference, (referenceHits, k) => ({
      referenceHits,
      referenceTotal: this.#reference[k] ?? 0,
      windowHits: window[k] ?? 0,
      windowTotal: this.#window[k] ?? 0,
    }));
  }
}

function sum(counts: Int32Array): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] ?? 0;
  return total;
}
