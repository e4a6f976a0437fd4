import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VersionHistory } from './version-history.ts';
import { answeredOnce, append, change, faults } from './testing/made-up-faults.ts';
import {
  auditOf,
  bundleOf,
  challenger,
  isOfCanary,
  keyOf,
  type Circumstances,
  madeUpHistory,
} from './testing/made-up-history.ts';

const circumstances: fc.Arbitrary<Circumstances> = fc.record({
  partitions: fc.integer({ min: 1, max: 4 }),
  textsPerPartition: fc.integer({ min: 12, max: 40 }),
  batch: fc.integer({ min: 1, max: 9 }),
  // Not always: it would never get anywhere.
  kills: fc
    .array(fc.boolean(), { minLength: 1, maxLength: 7 })
    .map((kills) => [...kills, false, false, false, false, false]),
  promoteEvery: fc.integer({ min: 1, max: 9 }),
  shadow: fc.boolean(),
  canary: fc.boolean(),
});

describe('reconciliation', () => {
  it('finds nothing where the rules were kept, whatever was killed and swapped', () => {
    fc.assert(
      fc.property(circumstances, (how) => {
        const history = madeUpHistory(how);
        const { report, found } = auditOf(history);
        expect(found).toEqual([]);
        expect(report.answered + report.deadLettered).toBe(history.texts.length);
        const keys = new Set(history.predictions.map(({ value }) => keyOf(value)));
        expect(report.repeated).toBe(history.predictions.length - keys.size);
        const roles = Map.groupBy(
          history.predictions.filter(({ value }) => value.role !== 'shadow'),
          ({ value }) => `${value.inputPartition}@${value.inputOffset}`,
        );
        const both = [...roles.values()].filter((own) => new Set(own.map(({ value }) => value.role)).size > 1);
        expect(report.answeredByBoth).toBe(both.length);
        expect(report.stored?.predictions).toBe(history.predictions.length);
        expect(report.stored).toMatchObject({ deadLetters: report.deadLettered, inFlight: 0 });
      }),
      { numRuns: 200 },
    );
  });

  it.each(faults)('finds as %s: %s, and nothing else', (kind, _name, inject) => {
    fc.assert(
      fc.property(circumstances, fc.nat(), (how, which) => {
        const history = madeUpHistory({ ...how, textsPerPartition: how.textsPerPartition + 12 });
        fc.pre(answeredOnce(history).length > 6);
        inject(history, which);
        expect(auditOf(history).wrong).toEqual({ [kind]: 1 });
      }),
      { numRuns: 40 },
    );
  });

  it('a lower epoch after a higher one is wrong of one instance, and a partition that moved of several', () => {
    const history = madeUpHistory({ ...calm, promoteEvery: 1 });
    const last = history.predictions.at(-1);
    if (last === undefined) return expect.unreachable();
    change(history, last, { epoch: 1, ...bundleOf(1) });
    expect(auditOf(history, { maximumStaleness: Infinity }).wrong).toEqual({ 'wrong-version': 1 });
    const { wrong, report } = auditOf(history, { oneInstance: false, maximumStaleness: Infinity });
    expect(wrong).toEqual({});
    expect(report).toMatchObject({ olderAfterNewer: 1, longestStaleness: expect.any(Number) });
    const stale = auditOf(history, { oneInstance: false, maximumStaleness: report.longestStaleness - 1 });
    expect(stale.found).toMatchObject([
      { kind: 'wrong-version', detail: expect.stringContaining('after a later one') },
    ]);
  });

  it('a canary answers no longer when its trial has ended, until it is tried again', () => {
    const versions = new VersionHistory();
    const tried = { model: 'm', ...challenger, share: 0.4 };
    const late = (inferredAt: number) => versions.staleness({ ...tried, epoch: 1, role: 'canary', inferredAt });
    versions.addChallenger(tried);
    expect(late(1e9)).toBe(0);
    versions.endTrial({ model: 'm', version: 8, at: 1000 });
    expect(late(1e9)).toBe(0);
    versions.endTrial({ model: 'm', at: 2000 });
    versions.endTrial({ model: 'm', ...challenger, at: 3000 });
    expect([1000, 2000, 2500].map(late)).toEqual([0, 0, 500]);
    versions.addChallenger(tried);
    expect(late(1e9)).toBe(0);
  });

  it('counts dead letters by their error', () => {
    const { report } = auditOf(madeUpHistory(calm));
    const { 'unknown-magic': unreadable = 0, 'unknown-model': unknown = 0 } = report.deadLetterErrors;
    expect(unreadable).toBe(madeUpHistory(calm).texts.filter(({ value }) => value === null).length);
    expect(unreadable + unknown).toBe(report.deadLettered);
  });

  it('is still to come: no finding', () => {
    const history = madeUpHistory(calm);
    history.answered = new Map([[0, 0]]);
    const { wrong, report } = auditOf({ ...history, predictions: [], predictionRows: [], letters: [], letterRows: [] });
    expect(wrong).toEqual({});
    expect(report.inFlight).toBe(history.texts.length);
    const unstored = auditOf(
      { ...madeUpHistory(calm), predictionRows: [], textRows: [] },
      { predictions: [{ partition: 0, from: 0, to: 1000, committed: 0 }], storedBelow: new Map([[0, 0]]) },
    );
    expect(unstored.wrong).toEqual({});
    expect(unstored.report.stored?.inFlight).toBeGreaterThan(0);
    const unmirrored = auditOf({ ...madeUpHistory(calm), letterRows: [] });
    expect(unmirrored.wrong).toEqual({});
    expect(unmirrored.report.stored).toMatchObject({ deadLetters: 0, inFlight: unmirrored.report.deadLettered });
  });

  it('has expired: no finding', () => {
    const { wrong, report } = auditOf(
      { ...madeUpHistory(calm), predictions: [], predictionRows: [], letters: [] },
      { expiredBefore: () => 1 },
    );
    expect(wrong).toEqual({});
    expect(report.expired).toBe(report.texts);
  });

  it('rounds: probabilities of a batch of another composition are the same answer', () => {
    const history = madeUpHistory(calm);
    const [first] = history.predictions;
    if (first === undefined) return expect.unreachable();
    const { value } = first;
    append(history, 0, {
      ...value,
      confidence: value.confidence + 1e-6,
      probabilities: { a: value.confidence + 1e-6 },
    });
    expect(auditOf(history)).toMatchObject({ wrong: {}, report: { repeated: 1, repeatedRounded: 1 } });
  });

  it('a canary answers for the champion, if it was one that is tried, and its share only', () => {
    const history = madeUpHistory(calm);
    const [first, second] = answeredOnce(history).filter(({ value }) => isOfCanary(value));
    const other = answeredOnce(history).find(({ value }) => !isOfCanary(value));
    if (first === undefined || second === undefined || other === undefined) return expect.unreachable();
    change(history, first, { role: 'canary', ...challenger });
    expect(auditOf(history)).toMatchObject({ wrong: {}, report: { predictions: { canary: 1 } } });
    change(history, second, { role: 'canary', version: 8, bundleDigest: 'digest-8' });
    change(history, other, { role: 'canary', ...challenger });
    const { found } = auditOf(history);
    expect(found.map(({ kind }) => kind)).toEqual(['wrong-version', 'wrong-version']);
    const details = found.map(({ detail }) => detail).join();
    expect(details).toContain('was never tried');
    expect(details).toContain('not of the share (0.4)');
  });

  it('looks at one model where it is told to', () => {
    const history = madeUpHistory(calm);
    const { report, wrong } = auditOf(history, { model: 'news' });
    expect(wrong).toEqual({});
    expect(report.texts).toBe(history.texts.filter(({ value }) => value?.model === 'news').length);
    expect(report.predictions).toEqual({ champion: report.texts });
  });

  it('rows of one key in two months', () => {
    const history = madeUpHistory(calm);
    const [row] = history.predictionRows;
    if (row === undefined) return expect.unreachable();
    history.predictionRows.splice(1, 0, { ...row, value: { ...row.value, occurredAt: Date.UTC(2030, 0) } });
    expect(auditOf(history).wrong).toEqual({ doubled: 1, 'stored-wrongly': 1 });
  });
});

const calm: Circumstances = {
  partitions: 1,
  textsPerPartition: 30,
  batch: 5,
  kills: [],
  promoteEvery: 100,
  shadow: false,
  canary: false,
};
