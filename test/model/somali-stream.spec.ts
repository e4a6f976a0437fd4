import { describe, expect, it } from 'vitest';
import { somaliScript } from '../../apps/standalone/src/streams/somali.ts';
import { playThrough } from '../../apps/standalone/src/streams/testing/play-through.ts';
import { judge, labelledTexts, train } from './drift-windows.ts';

const hour = 3_600_000;
const beyond = 600_000;

describe('the somali stream', () => {
  const script = somaliScript();
  const slices = playThrough(script, 9);
  const all = labelledTexts(slices);
  const phase = (title: string) => {
    // A slice reaches ten minutes into the hour after its own.
    const hours = slices.filter((slice) => slice.title.includes(title)).map(({ until }) => until - hour - beyond);
    return all.filter(({ occurredAt }) => hours.some((from) => occurredAt >= from && occurredAt < from + hour));
  };

  it('fails on unseen dialects, and only there; labels of the drift mend it on unseen articles', () => {
    const first = train(script.trainingSet);
    const known = slices[9]?.until ?? 0;
    const second = train([...script.trainingSet, ...all.filter(({ labelledAt }) => labelledAt < known)]);
    const drift = judge(first, phase('that no version has seen'));
    const baseline = judge(first, phase('as in training'));
    expect(baseline.accuracy).toBeGreaterThan(0.97);
    expect(judge(first, phase('harmless')).accuracy).toBeGreaterThan(0.97);
    expect(drift.accuracy).toBeLessThan(0.65);
    expect(drift.confidence).toBeLessThan(baseline.confidence - 0.03);
    expect(judge(first, phase('nothing was trained on')).accuracy).toBeLessThan(0.65);
    expect(judge(second, phase('nothing was trained on')).accuracy).toBeGreaterThan(0.85);
  });
});
