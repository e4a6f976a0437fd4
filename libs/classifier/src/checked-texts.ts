import { isBlank } from '#libs/normalisation';
import { ClassifierError } from './errors.ts';

const mostLabels = 1000;

interface LabelledTexts {
  texts: readonly string[];
  /** One a text. */
  labels: readonly string[];
  /** One a text. */
  groups?: readonly string[] | undefined;
}

/** A text to train on or to validate with. */
export interface LabelledRow {
  /** Of the text in the input. */
  index: number;
  /** Class of its label. */
  target: number;
  group: string;
}

/**
 * The texts that are not blank, and their labels, sorted: the classes.
 * @throws ClassifierError when they cannot be trained on
 */
export function checkedTexts({ texts, labels, groups }: LabelledTexts): {
  rows: LabelledRow[];
  labels: string[];
  blank: number;
} {
  if (labels.length !== texts.length || (groups !== undefined && groups.length !== texts.length)) {
    const lengths = [texts, labels, ...(groups === undefined ? [] : [groups])].map((list) => list.length);
    throw new ClassifierError('LENGTHS_DIFFER', lengths.join(', '));
  }
  const empty = labels.indexOf('');
  if (empty !== -1) throw new ClassifierError('LABEL_EMPTY', `text ${empty}`);
  const kept = [...texts.keys()].filter((index) => !isBlank(texts[index] ?? ''));
  const distinct = [...new Set(kept.map((index) => labels[index] ?? ''))].toSorted();
  if (distinct.length < 2) {
    const found = distinct.map((label) => JSON.stringify(label)).join('') || 'none';
    throw new ClassifierError('TOO_FEW_LABELS', `${found} in ${texts.length} texts`);
  }
  if (distinct.length > mostLabels) throw new ClassifierError('TOO_MANY_LABELS', String(distinct.length));
  const classOf = new Map(distinct.map((label, index) => [label, index]));
  const rows = kept.map((index) => ({
    index,
    target: classOf.get(labels[index] ?? '') ?? 0,
    group: groups?.[index] ?? String(index),
  }));
  return { rows, labels: distinct, blank: texts.length - kept.length };
}
