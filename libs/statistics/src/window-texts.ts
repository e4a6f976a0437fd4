import type { ReferenceTexts } from './reference-texts.ts';
import type { TextFeatures } from './text-features.ts';
import { type TermKind, type TextRow, textRow } from './text-rows.ts';

/** In how many texts of each stratum a term occurs, by term. */
export type CountsByTerm = Map<string, Int32Array>;

/** A window as numbers of the reference's vocabularies. */
export interface WindowTexts {
  rows: TextRow[];
  /** Stratum of each row. */
  stratumOf: Int32Array;
  /** The terms the reference has never seen. */
  unseen: Record<TermKind, CountsByTerm>;
}

/** Turns the texts of a window into numbers; the reference is not changed. */
export function readWindow(data: ReferenceTexts, texts: readonly TextFeatures[]): WindowTexts {
  const unseen = { words: new Map(), ngrams: new Map(), letters: new Map() } satisfies Record<TermKind, CountsByTerm>;
  const stratumOf = Int32Array.from(texts, ({ predicted }) => data.strata.of(predicted));
  const rows = texts.map((features, i) =>
    textRow(features, data.vocabularies, (kind, term) => {
      const counts: CountsByTerm = unseen[kind];
      const found = counts.get(term) ?? new Int32Array(data.strata.count);
      const stratum = stratumOf[i] ?? 0;
      found[stratum] = (found[stratum] ?? 0) + 1;
      counts.set(term, found);
      return undefined;
    }),
  );
  return { rows, stratumOf, unseen };
}
