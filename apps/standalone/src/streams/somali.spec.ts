import { describe, expect, it } from 'vitest';
import { playDigest, playThrough } from './testing/play-through.ts';
import { somaliScript } from './somali.ts';

const hour = 3_600_000;

describe('the somali stream', () => {
  it('is the same every time', () => {
    expect(playDigest(somaliScript())).toBe(playDigest(somaliScript()));
    expect(playDigest(somaliScript())).not.toBe(playDigest(somaliScript({ seed: 43 })));
  });

  it('fills every window of an hour with exactly 300 texts', () => {
    const counts = new Map<number, number>();
    for (const { texts } of playThrough(somaliScript(), 10)) {
      for (const { occurredAt } of texts) {
        const window = Math.floor(occurredAt / hour);
        counts.set(window, (counts.get(window) ?? 0) + 1);
      }
    }
    expect([...new Set(counts.values())]).toEqual([300]);
  });

  it('keeps texts and labels in their slices, labels after their texts, no text id twice', () => {
    const occurred = new Map<string, number>();
    let from = Number.NEGATIVE_INFINITY;
    for (const { until, texts, labels } of playThrough(somaliScript(), 10)) {
      for (const { id, occurredAt } of texts) {
        expect(occurred.has(id)).toBe(false);
        expect(occurredAt).toBeGreaterThanOrEqual(from);
        expect(occurredAt).toBeLessThan(until);
        occurred.set(id, occurredAt);
      }
      for (const { textId, labelledAt } of labels) {
        expect(labelledAt).toBeGreaterThanOrEqual((occurred.get(textId) ?? Number.POSITIVE_INFINITY) + 15 * 60_000);
        expect(labelledAt).toBeGreaterThanOrEqual(from);
        expect(labelledAt).toBeLessThan(until);
      }
      from = until;
    }
  });

  it('divides training, stream and after-swap texts by article', () => {
    const articles = (groups: Iterable<string>) => new Set(groups);
    const played = playThrough(somaliScript(), 10);
    const training = articles(somaliScript().trainingSet.map(({ group }) => group));
    const groupsOf = (after: boolean) =>
      articles(
        played
          .filter(({ title }) => title.includes('nothing was trained on') === after)
          .flatMap(({ texts }) => texts.map(({ attributes }) => attributes['group'] ?? '')),
      );
    for (const [a, b] of [
      [training, groupsOf(false)],
      [training, groupsOf(true)],
      [groupsOf(false), groupsOf(true)],
    ] as const) {
      expect([...a].filter((article) => b.has(article))).toEqual([]);
      expect(a.size).toBeGreaterThanOrEqual(9);
    }
  });

  it('goes on with unseen articles as soon as a new version serves', () => {
    const played = (promotedAfter: number) =>
      playThrough(somaliScript(), promotedAfter).filter(({ title }) => title.startsWith('40 %')).length;
    expect(played(8)).toBe(1);
    expect(played(9)).toBe(2);
    expect(played(Number.POSITIVE_INFINITY)).toBe(6);
  });
});
