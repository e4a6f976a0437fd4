import { describe, expect, it } from 'vitest';
import { decide, type Finding, requestOf } from './decision.ts';

const hour = 3_600_000;
const met: Finding = { policy: 'drift', met: true, reason: 'words moved', evidence: { report: 'w1' } };
const occasion = { model: 'news', evidenceId: 'w1:0', occurredAt: 10 * hour, decidedAt: 99 };
const free = { pending: false, lastRetraining: undefined, coolDown: hour };

describe('a decision', () => {
  it('fires, and asks for a version trained on what was known then', () => {
    const decision = decide(met, occasion, free);
    expect(decision).toMatchObject({ id: 'news:drift:w1:0', outcome: 'fired', reason: 'words moved' });
    expect(requestOf(decision, decision.requestId ?? '')).toMatchObject({
      id: 'news:drift:w1:0',
      policy: 'drift',
      requestedBy: 'policy drift',
      labelCutOff: 10 * hour,
      evidence: '{"report":"w1"}',
    });
  });

  it('says why not', () => {
    const finding = { ...met, met: false, reason: 'the window is stable' };
    expect(decide(finding, occasion, free)).toMatchObject({
      outcome: 'not-met',
      requestId: null,
      reason: 'the window is stable',
    });
  });

  it('is held while a retraining is under way, or too few labels are there', () => {
    expect(decide(met, occasion, { ...free, pending: true })).toMatchObject({
      outcome: 'held',
      requestId: null,
      reason: 'words moved; held: a retraining is already under way',
    });
    expect(decide({ ...met, held: '3 labels' }, occasion, free)).toMatchObject({
      outcome: 'held',
      reason: 'words moved; held: 3 labels',
    });
  });

  it('is held in the cool-down, which is event time', () => {
    const after = (milliseconds: number) =>
      decide(met, occasion, { ...free, lastRetraining: occasion.occurredAt - milliseconds });
    expect(after(hour - 120_000)).toMatchObject({
      outcome: 'held',
      reason: expect.stringContaining('cooling down for another 2 min of event time'),
    });
    expect(after(hour).outcome).toBe('fired');
  });
});
