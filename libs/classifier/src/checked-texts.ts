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

/** The texts that are not blank, and their labels, sorted. @throws ClassifierError when they cannot be trained on */
export function checkedTexts({ texts, labels, groups }: LabelledTexts): {
  kept: number[];
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
  return { kept, labels: distinct, blank: texts.length - kept.length };
}
