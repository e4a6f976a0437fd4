import { describe, expect, it } from 'vitest';
import { digestOf, divide, type LabelledText } from './training-data.ts';

const share = 0.25;

/** Normalisation makes all digits equal: texts must differ by letters. */
function letters(id: string): string {
  return id
    .split('')
    .map((character) => String.fromCharCode(97 + (character.charCodeAt(0) % 26)))
    .join('');
}

function labelled(id: string, fields: Partial<LabelledText> = {}): LabelledText {
  return { id, text: letters(id), label: 'a', group: '', labelledAt: 0, ...fields };
}

/** Names of groups on the side asked for. */
function groupsOn(side: 'training' | 'holdout', count: number): string[] {
  const names = Array.from({ length: 200 }, (_, i) => `group ${i}`);
  const on = divide(
    names.map((group, i) => labelled(String(i), { group })),
    share,
  )[side];
  return on.slice(0, count).map(({ group }) => group);
}

describe('divide', () => {
  it('holds out about the share asked for, and never a group on both sides', () => {
    const texts = Array.from({ length: 4000 }, (_, i) => labelled(String(i), { group: `g${i % 800}` }));
    const { training, holdout } = divide(texts, share);
    expect(training.length + holdout.length).toBe(4000);
    expect(holdout.length / 4000).toBeCloseTo(share, 1);
    const trained = new Set(training.map(({ group }) => group));
    expect(holdout.filter(({ group }) => trained.has(group))).toEqual([]);
  });

  it('holds out the same texts whatever else there is, in whatever order', () => {
    const few = Array.from({ length: 200 }, (_, i) => labelled(`x${i}`));
    const many = [...Array.from({ length: 500 }, (_, i) => labelled(`y${i}`)), ...few.toReversed()];
    const ids = (texts: LabelledText[]) =>
      divide(texts, share)
        .holdout.map(({ id }) => id)
        .filter((id) => id.startsWith('x'));
    expect(ids(many)).toEqual(ids(few));
  });

  it('keeps of equal texts the one labelled last', () => {
    const { training, holdout, duplicates } = divide(
      [
        labelled('1', { text: 'Waan  ku arkay', label: 'late', labelledAt: 20 }),
        labelled('2', { text: 'waan ku ARKAY ', label: 'early', labelledAt: 10 }),
      ],
      share,
    );
    expect([...training, ...holdout]).toMatchObject([{ id: '1', label: 'late' }]);
    expect(duplicates).toBe(1);
  });

  it('never holds out a text that an earlier version may have been trained on', () => {
    const [trained = ''] = groupsOn('training', 1);
    const [held = ''] = groupsOn('holdout', 1);
    const first = labelled('1', { text: 'the same', group: trained, labelledAt: 1 });
    const copy = labelled('2', { text: 'the same', group: held, labelledAt: 2 });
    expect(divide([first], share).training).toHaveLength(1);
    expect(divide([copy], share).holdout).toHaveLength(1);
    for (const texts of [
      [first, copy],
      [copy, { ...first, labelledAt: 3 }],
    ]) {
      const { training, holdout } = divide(texts, share);
      expect(training).toHaveLength(1);
      expect(holdout).toEqual([]);
    }
  });
});

describe('digestOf', () => {
  it('follows from ids, texts, labels and groups, not from their order or the time of labelling', () => {
    const texts = [labelled('1'), labelled('2', { labelledAt: 5 })];
    const digest = digestOf(texts);
    expect(digestOf(texts.toReversed())).toBe(digest);
    expect(digestOf([labelled('1'), labelled('2', { labelledAt: 6 })])).toBe(digest);
    expect(digestOf([labelled('1'), labelled('2', { label: 'b' })])).not.toBe(digest);
    expect(digestOf([labelled('1'), labelled('2', { group: 'g' })])).not.toBe(digest);
  });
});
