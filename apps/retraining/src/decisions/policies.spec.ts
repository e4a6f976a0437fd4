import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { DriftReport, PerformanceReport } from '#libs/events';
import { accuracyPolicy } from './accuracy.policy.ts';
import { DriftHistory } from './drift-history.ts';
import { driftPolicy } from './drift.policy.ts';
import { newLabelsPolicy } from './new-labels.policy.ts';

function example(path: string) {
  return JSON.parse(readFileSync(new URL(`../../../../schemas/examples/${path}.json`, import.meta.url), 'utf8'));
}
const drift: DriftReport = example('drift-reports/1/drift');
const rolling: PerformanceReport = example('performance-reports/1/rolling');

describe('drift policy', () => {
  const situation = { servingEpoch: drift.epoch, since: drift.windowStart, labels: 200, minimumLabels: 200 };

  it('is met by a drifting window of the serving version with enough labels', () => {
    expect(driftPolicy(drift, situation)).toMatchObject({ met: true, reason: `drift: ${drift.reason}` });
    expect(driftPolicy(drift, situation).held).toBeUndefined();
  });

  it('is held until enough labels are there', () => {
    expect(driftPolicy(drift, { ...situation, labels: 199 })).toMatchObject({
      met: true,
      held: '199 labels since the drift began, 200 are needed to learn from it',
    });
  });

  it('is not met by a warning, or by a window of a version that serves no longer', () => {
    expect(driftPolicy({ ...drift, verdict: 'warning' }, situation)).toMatchObject({
      met: false,
      reason: 'the window is warning',
    });
    expect(driftPolicy(drift, { ...situation, servingEpoch: drift.epoch + 1 }).met).toBe(false);
    expect(driftPolicy(drift, { ...situation, servingEpoch: undefined }).met).toBe(false);
  });
});

describe('drift history', () => {
  const window = (start: number, verdict: string, epoch = 1): DriftReport => ({
    ...drift,
    verdict,
    epoch,
    windowStart: start,
    windowEnd: start + 10,
  });

  it('begins a drift after the last stable window of the epoch', () => {
    const history = new DriftHistory();
    const windows = [
      window(0, 'drift'),
      window(10, 'stable'),
      window(20, 'warning'),
      window(30, 'drift'),
      window(40, 'drift'),
    ];
    for (const report of windows.toReversed()) history.note(report);
    expect(history.since(window(40, 'drift'))).toBe(20);
    expect(history.since(window(0, 'drift'))).toBe(0);
    expect(history.since(window(50, 'drift', 2))).toBe(50);
    expect(history.last('reviews', 39)?.windowStart).toBe(20);
    expect(history.last('others', 39)).toBeUndefined();
  });

  it('believes the newest statement about a window', () => {
    const history = new DriftHistory();
    for (const report of [window(0, 'drift'), window(10, 'drift'), window(0, 'stable')]) history.note(report);
    expect(history.since(window(20, 'drift'))).toBe(10);
  });
});

describe('accuracy policy', () => {
  const situation = { servingEpoch: rolling.epoch, below: 0.82, minimumLabels: 200 };
  const at = (value: number) => ({ ...rolling, accuracy: { ...rolling.accuracy, value } });

  it('is met below the threshold only', () => {
    expect(accuracyPolicy(at(0.819), situation)).toMatchObject({
      met: true,
      reason: 'accuracy 81.9 % over the last 200 labelled texts, below 82.0 %',
    });
    expect(accuracyPolicy(at(0.82), situation).met).toBe(false);
  });

  it('is not met with too few labels, or by a version that serves no longer', () => {
    expect(accuracyPolicy(at(0.1), { ...situation, minimumLabels: 201 })).toMatchObject({
      met: false,
      reason: '200 labelled texts, 201 are needed',
    });
    expect(accuracyPolicy(at(0.1), { ...situation, servingEpoch: rolling.epoch + 1 }).met).toBe(false);
  });
});

describe('new labels policy', () => {
  it('is met by more than the number', () => {
    expect(newLabelsPolicy({ labels: 1001, above: 1000, since: 0 }).met).toBe(true);
    expect(newLabelsPolicy({ labels: 1000, above: 1000, since: 0 })).toMatchObject({
      met: false,
      reason: '1000 new labels since the last training, not more than 1000',
    });
  });
});
