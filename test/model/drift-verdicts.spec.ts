import { describe, expect, it } from 'vitest';
import { mailScript } from '../../apps/standalone/src/streams/mail.ts';
import { somaliScript } from '../../apps/standalone/src/streams/somali.ts';
import { playThrough } from '../../apps/standalone/src/streams/testing/play-through.ts';
import { judge, judgedWindows, labelledTexts, trainVersion } from './drift-windows.ts';

const hour = 3_600_000;
const somaliPlan = { duration: hour, minimumTexts: 300, referenceTexts: 1200 };
const mailPlan = { duration: 24 * hour, minimumTexts: 100, referenceTexts: 600 };

describe.each([1, 2, 3])('verdicts about the somali stream, division %i of the groups', (division) => {
  const script = somaliScript();
  const slices = playThrough(script, 9);
  const split = { seed: 42, division };

  it('are silent through the harmless change of class shares and drift from the first novel window on', () => {
    const first = trainVersion(script.trainingSet, split);
    const begin = slices[0]?.texts[0]?.occurredAt ?? 0;
    const verdicts = [...judgedWindows(first, slices, { ...somaliPlan, from: begin })].map(({ verdict }) => verdict);
    expect(verdicts.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => 'collecting'));
    // Two windows as in training, two of the harmless change.
    expect(verdicts.slice(4, 8)).toEqual(Array.from({ length: 4 }, () => 'stable'));
    expect(verdicts.length).toBeGreaterThan(14);
    expect(new Set(verdicts.slice(8))).toEqual(new Set(['drift']));
  });

  it('are silent again once a version serves that learned from the drift', () => {
    const until = slices[9]?.until ?? 0;
    const known = labelledTexts(slices).filter(({ labelledAt }) => labelledAt < until);
    const second = trainVersion([...script.trainingSet, ...known], split);
    const verdicts = [...judgedWindows(second, slices, { ...somaliPlan, from: until })].map(({ verdict }) => verdict);
    expect(verdicts.filter((verdict) => verdict !== 'collecting').length).toBeGreaterThanOrEqual(2);
    expect(verdicts).not.toContain('drift');
  });
});

describe('verdicts about the mail stream', () => {
  it('are at most warnings while version 1 is right, drift within three days of its failing, silent after version 2', async () => {
    const script = await mailScript();
    const slices = [...script.slices()];
    const begin = Date.UTC(2002, 6, 29);
    const event = Date.UTC(2002, 8, 26);
    const split = { seed: 42, division: 1 };
    const first = trainVersion(script.trainingSet, split);
    const windows = [...judgedWindows(first, slices, { ...mailPlan, from: begin })];
    const before = windows.filter(({ start }) => start < event).map(({ verdict }) => verdict);
    expect(before.length).toBeGreaterThan(15);
    expect(before).not.toContain('drift');
    const during = windows.filter(({ start }) => start >= event && start < event + 72 * hour);
    expect(during[0]?.verdict).toBe('drift');
    expect(during[0]?.reason).toContain('expected accuracy fell');
    const from = event + 56 * hour;
    const all = labelledTexts(slices);
    const known = all.filter(({ labelledAt }) => labelledAt < from);
    const second = trainVersion([...script.trainingSet, ...known], split);
    expect([...judgedWindows(second, slices, { ...mailPlan, from })].map(({ verdict }) => verdict)).not.toContain(
      'drift',
    );
    const between = (since: number, until: number) =>
      all.filter(({ occurredAt }) => occurredAt >= since && occurredAt < until);
    expect(judge(first, between(begin, event)).accuracy).toBeGreaterThan(0.95);
    expect(judge(first, between(event + 11 * hour, Date.UTC(2002, 9, 1))).accuracy).toBeLessThan(0.9);
    const after = between(from, Date.UTC(2002, 10, 1));
    expect(judge(first, after).accuracy).toBeLessThan(0.9);
    expect(judge(second, after).accuracy).toBeGreaterThan(0.97);
  });
});
