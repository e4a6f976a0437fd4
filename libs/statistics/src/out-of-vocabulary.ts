import { mostTextsOfRare, type ReferenceTexts } from './reference-texts.ts';
import type { TextRow } from './text-rows.ts';
import type { Weighting } from './weighting.ts';

type Kind = 'words' | 'ngrams';

/** A reference text in a held-out window. */
export interface HeldText {
  /** Its number in the reference. */
  index: number;
  row: TextRow;
  stratum: number;
  /** Its share of the window; they sum to 1. */
  weight: number;
}

/** Share of a text's different terms that the reference has never seen; 0 for a text without terms. */
export function outOfVocabularyShare(terms: Iterable<string>, reference: { has(term: string): boolean }): number {
  let [unseen, total] = [0, 0];
  for (const term of new Set(terms)) {
    total++;
    if (!reference.has(term)) unseen++;
  }
  return total === 0 ? 0 : unseen / total;
}

/**
 * Mean out-of-vocabulary share of a window's texts, for a reference as large as the one a held-out window is compared
 * with: a term counts by the probability that all reference texts with it are among the held-out ones (0 for most, 1
 * for what the reference lacks). Without this a window would be compared with more text than its null was, and look
 * better than it is. Texts without terms are left out. Source: rarefaction, Hurlbert, Ecology 1971.
 */
export function windowOutOfVocabulary(
  window: readonly TextRow[],
  kind: Kind,
  { data, weighting }: { data: ReferenceTexts; weighting: Weighting },
): number {
  const missing = vanishing(weighting);
  const strata = missing.length;
  const { total, byStratum } = data[kind];
  let [sum, texts] = [0, 0];
  for (const row of window) {
    const { known, unknown } = row[kind];
    let unseen = unknown;
    for (const term of known) {
      if ((total[term] ?? 0) > mostTextsOfRare) continue;
      let probability = 1;
      for (let k = 0; k < strata; k++) {
        const frequency = byStratum[term * strata + k] ?? 0;
        if (frequency > 0) probability *= missing[k]?.[frequency] ?? 0;
      }
      unseen += probability;
    }
    if (known.length + unknown === 0) continue;
    sum += unseen / (known.length + unknown);
    texts++;
  }
  return texts === 0 ? 0 : sum / texts;
}

/** [k][d]: probability that d given texts of stratum k are all held out. */
function vanishing({ available, heldOut }: Weighting): Float64Array[] {
  return Array.from(available, (all, k) => {
    const held = heldOut[k] ?? 0;
    const probabilities = new Float64Array(mostTextsOfRare + 1);
    probabilities[0] = 1;
    for (let d = 1; d <= Math.min(held, mostTextsOfRare); d++) {
      probabilities[d] = ((probabilities[d - 1] ?? 0) * (held - d + 1)) / (all - d + 1);
    }
    return probabilities;
  });
}

/**
 * The same of a held-out window against the rest of the reference.
 * @param scratch.counts one zero a term; zero again afterwards.
 */
export function heldOutOutOfVocabulary(
  held: readonly HeldText[],
  kind: Kind,
  { data, counts }: { data: ReferenceTexts; counts: Int32Array },
): number {
  const { rare, total } = data[kind];
  for (const { index } of held) for (const term of rare[index] ?? []) counts[term] = (counts[term] ?? 0) + 1;
  let [sum, weights] = [0, 0];
  for (const { index, row, weight } of held) {
    const terms = row[kind].known.length;
    if (terms === 0) continue;
    let unseen = 0;
    for (const term of rare[index] ?? []) if (counts[term] === total[term]) unseen++;
    sum += (unseen / terms) * weight;
    weights += weight;
  }
  for (const { index } of held) for (const term of rare[index] ?? []) counts[term] = 0;
  return weights === 0 ? 0 : sum / weights;
}
