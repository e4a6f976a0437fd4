import { createHash } from 'node:crypto';
import { normalise } from '#libs/normalisation';

/** A text whose label is known. */
export interface LabelledText {
  id: string;
  text: string;
  label: string;
  /** Texts of one group are never divided; empty: the text is on its own. */
  group: string;
  /** When the label was given, epoch milliseconds; 0: with the data set. */
  labelledAt: number;
}

export interface TrainingData {
  /** Trained on; by id. */
  training: LabelledText[];
  /** Never trained on by any version; by id. */
  holdout: LabelledText[];
  /** Left out because a text of the same normal form counts in their place. */
  duplicates: number;
}

/** Changing it moves every text between training and holdout: old and new versions could no longer be compared. */
const salt = 'tidemill-holdout-1';

/**
 * Takes duplicates out and divides the rest. Of texts that are equal after normalisation the one labelled last counts.
 * Which side a group is on follows from its name alone, so that what one version was evaluated on no later one is
 * trained on. A text that occurs in groups of both sides is trained on: an earlier version, which saw fewer of its
 * copies, may have been.
 * @param holdoutShare share of the groups that are held out.
 */
export function divide(texts: readonly LabelledText[], holdoutShare: number): TrainingData {
  const kept = new Map<string, { text: LabelledText; heldOut: boolean }>();
  for (const text of texts.toSorted(byLabelTime)) {
    const form = normalise(text.text);
    const group = text.group === '' ? sha256(form) : text.group;
    const heldOut = positionOf(group) < holdoutShare && kept.get(form)?.heldOut !== false;
    kept.set(form, { text: { ...text, group }, heldOut });
  }
  const sides = Map.groupBy(kept.values(), ({ heldOut }) => heldOut);
  const side = (heldOut: boolean) => (sides.get(heldOut) ?? []).map(({ text }) => text).toSorted(byId);
  return { training: side(false), holdout: side(true), duplicates: texts.length - kept.size };
}

/** sha256 over ids, texts, labels and groups in the order of ids: the same data, the same digest. */
export function digestOf(texts: readonly LabelledText[]): string {
  const hash = createHash('sha256');
  for (const { id, text, label, group } of texts.toSorted(byId))
    hash.update(`${JSON.stringify([id, text, label, group])}\n`);
  return hash.digest('hex');
}

/** Uniform in [0, 1). */
function positionOf(group: string): number {
  return createHash('sha256').update(`${salt}\0${group}`).digest().readUInt32BE(0) / 2 ** 32;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function byId(a: LabelledText, b: LabelledText): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** The one that counts last; by id where the times say nothing. */
function byLabelTime(a: LabelledText, b: LabelledText): number {
  return a.labelledAt - b.labelledAt || byId(a, b);
}
