import { describe, expect, it } from 'vitest';
import { syntheticTexts } from '../scripts/synthetic-texts.ts';
import { buildReference, compareWindow, smallestReference } from './drift-comparison.ts';
import { seededRandom } from './random.ts';

const usual = { a: 60, b: 25, c: 15 };
const reference = buildReference(syntheticTexts({ shares: usual }, 900, seededRandom(1)), { windowSize: 200, seed: 1 });
const windowOf = (shares: { a: number; b: number; c: number; unseen?: number }, seed: number, count = 200) =>
  syntheticTexts({ shares }, count, seededRandom(seed));

describe('a window that is compared with the reference', () => {
  it('is stable when nothing changed', () => {
    const { verdict, reason, statistics, movements } = compareWindow(reference, windowOf(usual, 2), { seed: 1 });
    expect(verdict).toBe('stable');
    expect(reason).toContain('within what 199 held-out reference windows show');
    expect(statistics).toHaveLength(8);
    expect(movements).toEqual([]);
  });

  it('is stable, with a word about it, when only the shares of the classes moved', () => {
    const { verdict, reason, statistics } = compareWindow(reference, windowOf({ a: 20, b: 30, c: 50 }, 3), { seed: 1 });
    const classes = statistics.find(({ name }) => name === 'predictedClasses');
    expect(verdict).toBe('stable');
    expect(classes?.informative).toBe(true);
    expect(classes?.zScore).toBeGreaterThan(10);
    expect(reason).toContain('class shares moved');
    expect(reason).toContain('which alone is no drift');
  });

  it('is stable when classes whose texts differ in length and confidence change their shares', () => {
    const random = seededRandom(4);
    const written = (label: string, count: number) =>
      Array.from({ length: count }, (_, i) => {
        const words = Array.from({ length: (label === 'a' ? 3 : 15) + Math.floor(5 * random()) }, () => 'word');
        const confidence = (label === 'a' ? 0.9 : 0.6) + random() / 10;
        return {
          id: `${label}${i}`,
          text: words.join(' '),
          words,
          characters: 5 * words.length,
          predicted: label,
          confidence,
        };
      });
    const before = buildReference([...written('a', 300), ...written('b', 300)], { windowSize: 100, seed: 1 });
    const { verdict, statistics } = compareWindow(before, [...written('a', 30), ...written('b', 120)], { seed: 1 });
    expect(verdict).toBe('stable');
    for (const { name, zScore } of statistics)
      if (name !== 'predictedClasses') expect([name, zScore < 3]).toEqual([name, true]);
  });

  it('is judged by how much windows of the reference differ beyond chance', () => {
    const window = windowOf(usual, 5);
    const measured = compareWindow(reference, window, { seed: 1 });
    const dispersion = Object.fromEntries(
      Object.entries(reference.dispersion).map(([name, factor]) => [name, 3 * factor]),
    );
    const wider = compareWindow({ ...reference, dispersion: { ...reference.dispersion, ...dispersion } }, window, {
      seed: 1,
    });
    for (const [i, { zScore, nullStandardDeviation }] of measured.statistics.entries()) {
      expect(wider.statistics[i]?.zScore).toBeCloseTo(zScore / 3, 10);
      expect(wider.statistics[i]?.nullStandardDeviation).toBeCloseTo(3 * nullStandardDeviation, 10);
    }
  });

  it('is called by chance no more often than asked for, though seven statistics are looked at', () => {
    const few = { draws: 99, seed: 1, falseAlarmRate: 0.2 };
    const verdicts = Array.from({ length: 60 }, (_, i) => compareWindow(reference, windowOf(usual, 100 + i, 60), few));
    // Three standard deviations above a fifth of 60.
    expect(verdicts.filter(({ verdict }) => verdict !== 'stable').length).toBeLessThanOrEqual(21);
  });

  it('has no word on its card that rose within the classes and fell overall', () => {
    const texts = (label: string, count: number, withWord: number) =>
      Array.from({ length: count }, (_, i) => {
        const text = i < withWord ? 'common moved' : 'common';
        return {
          id: `${label}${i}`,
          text,
          words: text.split(' '),
          characters: text.length,
          predicted: label,
          confidence: 0.9,
        };
      });
    const before = buildReference([...texts('a', 200, 160), ...texts('b', 200, 20)], { windowSize: 100, seed: 1 });
    const terms = (window: ReturnType<typeof texts>) =>
      compareWindow(before, window, { seed: 1 })
        .movements.filter(({ kind }) => kind === 'word')
        .map(({ term }) => term);
    expect(terms([...texts('a', 20, 20), ...texts('b', 380, 114)])).toEqual([]);
    expect(terms([...texts('a', 200, 180), ...texts('b', 200, 60)])).toEqual(['moved']);
  });

  it('is drift when four in ten texts are in a language nobody has seen, and says so in a sentence', () => {
    const found = compareWindow(reference, windowOf({ ...usual, unseen: 200 / 3 }, 4), { seed: 1 });
    expect(found.verdict).toBe('drift');
    expect(found.reason).toMatch(/out-of-vocabulary share rose from \d+\.\d % to \d+\.\d %/);
    expect(found.movements.length).toBeGreaterThan(10);
    for (const { pValue } of found.movements) expect(pValue).toBeLessThanOrEqual(0.05);
    expect(found.movements.some(({ referenceTexts }) => referenceTexts === 0)).toBe(true);
  });

  it('is drift when expected accuracy collapses, whatever the texts look like', () => {
    const unsure = windowOf(usual, 5).map((text) => ({ ...text, confidence: text.confidence * 0.8 }));
    const { verdict, reason } = compareWindow(reference, unsure, { seed: 1 });
    expect(verdict).toBe('drift');
    expect(reason).toContain('expected accuracy fell from');
  });

  it('is a warning when expected accuracy falls certainly but little', () => {
    const unsure = windowOf(usual, 5).map((text) => ({ ...text, confidence: text.confidence * 0.96 }));
    expect(compareWindow(reference, unsure, { seed: 1 }).verdict).toBe('warning');
  });

  it('is judged the same again, and the reference stays as it was', () => {
    const window = windowOf({ ...usual, unseen: 20 }, 6);
    const first = compareWindow(reference, window, { seed: 9 });
    compareWindow(reference, windowOf({ a: 1, b: 1, c: 1, unseen: 97 }, 7), { seed: 1 });
    expect(compareWindow(reference, window, { seed: 9 })).toEqual(first);
  });

  it('may be larger than the reference, of one text, or of classes that the reference lacks', () => {
    expect(compareWindow(reference, windowOf(usual, 8, 2000), { seed: 1 }).verdict).toBe('stable');
    const [one] = windowOf(usual, 9, 1);
    const single = compareWindow(reference, one === undefined ? [] : [one], { seed: 1 });
    expect(Number.isFinite(single.statistics[0]?.zScore)).toBe(true);
    const other = windowOf(usual, 10).map((text) => ({ ...text, predicted: 'new' }));
    expect(compareWindow(reference, other, { seed: 1 }).predictedShares).toEqual({ new: 1 });
  });

  it('has finite statistics for texts that are empty, blank, all alike or broken', () => {
    for (const text of ['', ' \n ', 'x', '\ud800', '𐐀'.repeat(400), '\u0000']) {
      const odd = windowOf(usual, 11, 50).map((features) => ({
        ...features,
        text,
        words: [],
        characters: text.length,
      }));
      const { statistics } = compareWindow(reference, odd, { seed: 1 });
      expect(statistics.every(({ zScore, pValue }) => Number.isFinite(zScore) && pValue > 0)).toBe(true);
    }
  });

  it('needs texts, and the reference enough of them', () => {
    expect(() => compareWindow(reference, [], { seed: 1 })).toThrow(RangeError);
    const few = windowOf(usual, 12, smallestReference - 1);
    expect(() => buildReference(few, { windowSize: 10, seed: 1 })).toThrow(RangeError);
  });
});
