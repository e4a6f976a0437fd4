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
 * @param scratch.counts one a term; overwritten.
 * @param scratch.weights share of the window that one text of each stratum has.
 */
export function heldOutOutOfVocabulary(
  held: readonly HeldText[],
  kind: Kind,
  { data, counts, weights }: { data: ReferenceTexts; counts: Int32Array; weights: Float64Array },
): number {
  const { rare, total, singleShare, rareShare } = data[kind];
  const strata = weights.length;
  counts.fill(0);
  let [sum, all] = [0, 0];
  for (const { index, row, stratum } of held) {
    if (row[kind].known.length === 0) continue;
    const weight = weights[stratum] ?? 0;
    all += weight;
    sum += weight * (singleShare[index] ?? 0);
    const terms = rare[index] ?? [];
    for (let j = 0; j < terms.length; j++) {
      const term = terms[j] ?? 0;
      const count = (counts[term] ?? 0) + 1;
      counts[term] = count;
      // The last of the texts with this term is held out: it is missing from the rest, in all of them.
      if (count !== total[term]) continue;
      for (let k = 0; k < strata; k++) sum += (weights[k] ?? 0) * (rareShare[term * strata + k] ?? 0);
    }
  }
  return all === 0 ? 0 : sum / all;
}
