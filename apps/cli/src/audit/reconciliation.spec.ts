import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Prediction } from '#libs/events';
import type { FindingKind } from './audit-report.ts';
import type { Place } from './prediction-ledger.ts';
import {
  auditOf,
  bundleOf,
  challenger,
  isOfCanary,
  keyOf,
  type Circumstances,
  type MadeUpHistory,
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

/** Takes one of many by a number that fast-check chooses. */
function pick<T>(all: readonly T[], which: number): T {
  const found = all[which % all.length];
  if (found === undefined) throw new RangeError('nothing to choose from');
  return found;
}

/** Answers of the champion that nobody has given again. */
function answeredOnce({ predictions }: MadeUpHistory) {
  const key = ({ inputPartition, inputOffset }: Prediction) => `${inputPartition}@${inputOffset}`;
  const answers = predictions.filter(({ value }) => value.role !== 'shadow');
  const times = Map.groupBy(answers, ({ value }) => key(value));
  return answers.filter(({ value }) => value.role === 'champion' && times.get(key(value))?.length === 1);
}

/** The latest record under each key. */
function saidLast({ predictions }: MadeUpHistory) {
  const key = ({ role, version, epoch, inputPartition, inputOffset }: Prediction) =>
    [role, version, epoch, inputPartition, inputOffset].join('/');
  return [...new Map(predictions.map((one) => [key(one.value), one])).values()];
}

/** The same record in Kafka and in the table says something else. */
function change(history: MadeUpHistory, at: MadeUpHistory['predictions'][number], fields: Partial<Prediction>): void {
  for (const all of [history.predictions, history.predictionRows])
    for (const one of all)
      if (one.partition === at.partition && one.offset === at.offset) one.value = { ...one.value, ...fields };
}

/** Puts a record at the end of its partition, with its row. */
function append(history: MadeUpHistory, partition: number, value: Prediction): void {
  const offset = history.predictions.filter((one) => one.partition === partition).length;
  history.predictions.push({ value, partition, offset });
  history.predictionRows.push({ value, partition, offset });
}

const faults: [kind: FindingKind, name: string, inject: (history: MadeUpHistory, which: number) => void][] = [
  [
    'missing',
    'an answer was never written',
    (history, which) => {
      const { partition, offset } = pick(answeredOnce(history), which);
      const other = (one: { partition: number; offset: number }) =>
        one.partition !== partition || one.offset !== offset;
      history.predictions = history.predictions.filter(other);
      history.predictionRows = history.predictionRows.filter(other);
    },
  ],
  [
    'missing',
    'an unreadable text is no dead letter',
    (history) => {
      const lost = history.texts.find(({ value }) => value === null);
      const other = (one: Place) => one.partition !== lost?.partition || one.offset !== lost.offset;
      history.letters = history.letters.filter(other);
      history.letterRows = history.letterRows.filter(other);
    },
  ],
  [
    'doubled',
    'a producer wrote its record twice',
    (history, which) => {
      const { value, partition } = pick(saidLast(history), which);
      append(history, partition, value);
    },
  ],
  [
    'doubled',
    'a text was answered and is a dead letter',
    (history, which) => {
      const { value } = pick(answeredOnce(history), which);
      const letter = { ...pick(history.letters, which), partition: value.inputPartition, offset: value.inputOffset };
      history.letters.push(letter);
      history.letterRows.push(letter);
    },
  ],
  [
    'contradicting',
    'a version says two things',
    (history, which) => {
      const { value, partition } = pick(history.predictions, which);
      append(history, partition, { ...value, label: 'b', inferredAt: value.inferredAt + 1 });
    },
  ],
  [
    'out-of-order',
    'two texts of a partition were answered the wrong way round',
    (history, which) => {
      const once = answeredOnce(history);
      const pairs = once.flatMap((one) => {
        const next = once.find(
          ({ partition, value }) =>
            partition === one.partition &&
            value.inputPartition === one.value.inputPartition &&
            value.epoch === one.value.epoch &&
            value.inputOffset > one.value.inputOffset,
        );
        const beside = history.predictions.filter(
          ({ partition, value, offset }) =>
            partition === one.partition &&
            value.role !== 'shadow' &&
            value.inputPartition === one.value.inputPartition &&
            offset > one.offset &&
            offset < (next?.offset ?? 0),
        );
        return next === undefined || beside.length > 0 ? [] : [[one, next] as const];
      });
      fc.pre(pairs.length > 0);
      const [one, next] = pick(pairs, which);
      const [before, after] = [one.value, next.value];
      change(history, one, after);
      change(history, next, before);
    },
  ],
  [
    'wrong-version',
    'an epoch nobody has promoted',
    (history, which) => change(history, pick(answeredOnce(history), which), { epoch: 10_000, inferredAt: 1e9 }),
  ],
  [
    'wrong-version',
    'a version that is not that of its epoch',
    (history, which) => {
      const at = pick(answeredOnce(history), which);
      change(history, at, bundleOf(at.value.epoch + 1));
    },
  ],
  [
    'wrong-version',
    'an epoch that was not promoted yet',
    (history, which) => {
      const at = pick(answeredOnce(history), which);
      change(history, at, {
        inferredAt: (history.versions.find(({ epoch }) => epoch === at.value.epoch)?.at ?? 0) - 9000,
      });
    },
  ],
  [
    'misattributed',
    'the answer of another text',
    (history, which) => change(history, pick(answeredOnce(history), which), { textId: 'another' }),
  ],
  [
    'stored-wrongly',
    'an answer is not in the table',
    (history, which) => {
      const { partition, offset } = pick(answeredOnce(history), which);
      history.predictionRows = history.predictionRows.filter(
        (one) => one.partition !== partition || one.offset !== offset,
      );
    },
  ],
  [
    'stored-wrongly',
    'the row says something else',
    (history, which) => {
      const row = pick(history.predictionRows, which);
      row.value = { ...row.value, confidence: 0.25 };
    },
  ],
  [
    'stored-wrongly',
    'a row that nobody wrote',
    (history, which) => {
      const { value } = pick(history.predictionRows, which);
      history.predictionRows.push({ value: { ...value, epoch: value.epoch + 1 }, partition: -1, offset: -1 });
    },
  ],
  [
    'stored-wrongly',
    'a text is not in the table',
    (history, which) => void history.textRows.splice(which % history.textRows.length, 1),
  ],
  [
    'stored-wrongly',
    'a dead letter is not in the table',
    (history, which) => {
      // Not the newest: it may be on its way.
      const { partition, offset } = pick(history.letters.slice(0, -2), which);
      const last = history.letters.at(-1);
      fc.pre(last?.partition !== partition || last.offset !== offset);
      history.letterRows = history.letterRows.filter((row) => row.partition !== partition || row.offset !== offset);
    },
  ],
  ...(['reason', 'error', 'key'] as const).map((column): (typeof faults)[number] => [
    'stored-wrongly',
    `the row of a dead letter has another ${column}`,
    (history, which) => void Object.assign(pick(history.letterRows, which), { [column]: 'something else' }),
  ]),
  [
    'stored-wrongly',
    'a row of a dead letter that there is not',
    (history, which) => {
      const { value } = pick(answeredOnce(history), which);
      const place = { partition: value.inputPartition, offset: value.inputOffset };
      history.letterRows.push({ ...pick(history.letters, which), ...place });
    },
  ],
  [
    'stored-wrongly',
    'a row of a dead letter of another stage',
    (history, which) => void history.letterRows.push({ ...pick(history.letters, which), stage: 'another' }),
  ],
  [
    'stored-wrongly',
    'a text is another one in the table',
    (history, which) => {
      const row = pick(history.textRows, which);
      row.value = { ...row.value, text: 'something else' };
    },
  ],
];

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
      { numRuns: 300 },
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
      { numRuns: 100 },
    );
  });

  it('a lower epoch after a higher one is wrong of one instance, and a partition that moved of several', () => {
    const history = madeUpHistory({ ...calm, promoteEvery: 1 });
    const last = history.predictions.at(-1);
    if (last === undefined) return expect.unreachable();
    change(history, last, { epoch: 1, ...bundleOf(1) });
    expect(auditOf(history).wrong).toEqual({ 'wrong-version': 1 });
    const { wrong, report } = auditOf(history, { oneInstance: false });
    expect(wrong).toEqual({});
    expect(report).toMatchObject({ olderAfterNewer: 1, longestStaleness: expect.any(Number) });
    const stale = auditOf(history, { oneInstance: false, maximumStaleness: report.longestStaleness - 1 });
    expect(stale.found).toMatchObject([
      { kind: 'wrong-version', detail: expect.stringContaining('after a later one') },
    ]);
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
