import { describe, expect, it } from 'vitest';
import {
  count,
  duration,
  evidenceText,
  instant,
  milliseconds,
  percent,
  pValue,
  rate,
  runFigures,
  statisticTitle,
  statisticValue,
  tick,
  visibleTerm,
  windowName,
  words,
} from './format.ts';

const hour = 3_600_000;
const start = Date.UTC(2026, 0, 5, 14);

describe('times', () => {
  it('reads RFC 3339, what ClickHouse writes, and epoch milliseconds as the same instant', () => {
    expect(instant('2026-01-05T14:00:00.000Z')).toBe(start);
    expect(instant('2026-01-05 14:00:00.000')).toBe(start);
    expect(instant(start)).toBe(start);
    expect(instant(null)).toBeNaN();
  });

  it('names windows in UTC, with as much as tells them apart', () => {
    expect(windowName(start, start + hour)).toBe('5 Jan, 14:00–15:00');
    expect(windowName(start, start + 24 * hour)).toBe('5 Jan, 14:00 – 6 Jan, 14:00');
    expect(windowName(start - 14 * hour, start + 10 * hour)).toBe('5 Jan 2026');
    expect(windowName(start - 14 * hour, start + 58 * hour)).toBe('5 Jan – 7 Jan 2026');
    expect(windowName(Number.NaN, start)).toBe('–');
  });

  it('shows the day where it begins and durations in the unit that fits', () => {
    expect(tick(start)).toBe('14:00');
    expect(tick(start - 14 * hour)).toBe('5 Jan');
    expect([640, 59_999, 75_000, 119_700, 2 * hour + 60_000, -1].map(duration)).toEqual(
      ['0.6_s', '1_min 0_s', '1_min 15_s', '2_min 0_s', '2_h 1_min', '–'].map((text) => text.replaceAll('_', '\u202f')),
    );
  });
});

describe('figures', () => {
  it('keeps three figures of a rate', () => {
    expect([0, 0.4, 9.96, 118.2, 2310, 123_456, Number.NaN].map(rate)).toEqual(
      ['0', '0.4', '10.0', '118', '2.3 k', '123 k', '–'].map((text) => text.replace(' ', '\u202f')),
    );
  });

  it('sums a run up by what its version was judged by', () => {
    const judged = { accuracy: 0.968, accuracyLower: 0.951, accuracyUpper: 0.979, macroF1: 0.856 };
    const figures = runFigures({ ...judged, championMacroF1: 0.482, holdoutTexts: 1633, 'recall.058': 0.7 });
    expect(figures.map((figure) => figure.join(' ').replaceAll('\u202f', ''))).toEqual([
      'Accuracy 96.8% (95.1% – 97.9%)',
      'Macro F1 85.6%',
      'Champion’s 48.2%',
      'Held out 1633',
    ]);
    expect(runFigures({})).toEqual([]);
  });

  it('writes shares, counts, latencies and p-values', () => {
    expect(percent(0.8725)).toBe('87.3\u202f%');
    expect(percent(Number.NaN)).toBe('–');
    expect(count(1_204_331)).toBe('1\u202f204\u202f331');
    expect(milliseconds(6.24)).toBe('6.2\u202fms');
    expect(milliseconds(1500)).toBe('1.5\u202fs');
    expect(pValue(1e-9)).toBe('<\u00a00.001');
    expect(pValue(0.0123)).toBe('0.012');
  });

  it('shows statistics that are shares as percentages, and new ones under their own name', () => {
    expect(statisticValue('wordOutOfVocabularyShare', 0.338)).toBe('33.8\u202f%');
    expect(statisticValue('characterDistribution', 0.0544)).toBe('0.054');
    expect(statisticTitle('ngramOutOfVocabularyShare')).toBe('N-grams never seen');
    expect(statisticTitle('sentenceLength')).toBe('Sentence length');
  });
});

describe('words', () => {
  it('separates names and keeps abbreviations', () => {
    expect(['run-failed', 'macroF1', 'latencyP99Milliseconds'].map(words)).toEqual([
      'Run failed',
      'Macro F1',
      'Latency P99 milliseconds',
    ]);
  });

  it('makes spaces, marks and characters without a shape visible', () => {
    expect(visibleTerm('a b')).toBe('a␣b');
    expect(visibleTerm('\u0301')).toBe('◌\u0301');
    expect(visibleTerm('\u200f')).toBe('U+200F');
    expect(visibleTerm('\ud800')).toBe('U+D800');
    expect(visibleTerm('سلام')).toBe('سلام');
  });

  it('reads evidence, and leaves what is none as it is', () => {
    expect(evidenceText('{"newLabels": 412, "accuracy": 0.61234567, "verdict": "drift"}')).toBe(
      'new labels 412 · accuracy 0.6123 · verdict drift',
    );
    expect(evidenceText('')).toBe('');
    expect(evidenceText('no object')).toBe('no object');
  });
});
