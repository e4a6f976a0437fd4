import { describe, expect, it } from 'vitest';
import { auditOfEvent } from './audit.ts';
import { example } from './testing/examples.ts';
import { chosenWindow, marksOf, windowSentence, windowsOf } from './time-line.ts';

const drift = ['drift', 'stable', 'collecting', 'warning'].map((name) => example('drift-reports', name));
const performance = ['restated', 'no-labels', 'after-swap'].map((name) => example('performance-reports', name));
const windows = windowsOf(drift, performance);

describe('windows', () => {
  it('join what is said of the same window, in event-time order', () => {
    expect(windows.map(({ verdict, labelled, epoch }) => [verdict, labelled, epoch])).toEqual([
      ['collecting', 0, 1],
      ['stable', 160, 1],
      ['warning', 0, 1],
      ['drift', 0, 1],
      ['collecting', 90, 2],
    ]);
  });

  it('have no accuracy while nothing is labelled, whatever the report says', () => {
    expect(windows[2]?.accuracy).toBeNull();
    expect(windows[1]?.accuracy?.value).toBeGreaterThan(0.8);
  });

  it('show the chosen one, else the newest that is not stable, else the newest', () => {
    expect(chosenWindow(windows, windows[1]?.key)).toBe(windows[1]);
    expect(chosenWindow(windows, 'gone')?.verdict).toBe('drift');
    expect(chosenWindow(windows.slice(0, 2), undefined)).toBe(windows[1]);
    expect(chosenWindow([], undefined)).toBeUndefined();
  });

  it('are told in a sentence', () => {
    const [, stable, , drifting] = windows;
    expect(stable && windowSentence('W', stable)).toMatch(
      /^W: stable, version 1, accuracy .* on 160 labelled texts, expected/,
    );
    expect(drifting && windowSentence('W', drifting)).toContain('no labels yet');
  });
});

describe('marks', () => {
  const fired = [example('trigger-decisions', 'fired')];
  const promoted = auditOfEvent(example('registry-events', 'promoted'));

  it('stand at the drift, at the evidence of the decision, and where the new epoch begins to answer', () => {
    const marks = marksOf(windows, fired, [promoted]);
    expect(marks.map(({ kind, text }) => [kind, text])).toEqual([
      ['drift', 'drift'],
      ['retraining', 'retraining (drift)'],
      ['swap', 'v1 → v2'],
    ]);
    const [, asked, swap] = marks;
    expect(asked?.at).toBe(Date.parse('2026-03-06T12:00:00Z'));
    expect(swap?.at).toBe(Date.parse('2026-03-09T06:00:00Z'));
    expect(swap?.detail).toBe('Macro-F1 0.89 against 0.58 of reviews@1.');
  });

  it('name a rollback, and place a refusal at the request it answers', () => {
    const back = auditOfEvent(example('registry-events', 'rolled-back', { epoch: 2 }));
    const refused = auditOfEvent(example('registry-events', 'refused', { requestId: 'r-drift-1' }));
    const kinds = marksOf(windows, fired, [back, refused]).map(({ kind }) => kind);
    expect(kinds).toEqual(['drift', 'retraining', 'refused', 'rollback']);
  });

  it('mark the first window of a drift only, and nothing outside the windows', () => {
    const next = { windowStart: '2026-03-06T12:00:00.000Z', windowEnd: '2026-03-06T15:00:00.000Z' };
    const lasting = windowsOf([...drift, example('drift-reports', 'drift', { id: 'next', ...next })], []);
    const late = example('trigger-decisions', 'fired', { occurredAt: '2026-04-01T00:00:00.000Z' });
    expect(marksOf(lasting, [late], []).map(({ kind }) => kind)).toEqual(['drift']);
    expect(marksOf([], [late], [])).toEqual([]);
  });
});
