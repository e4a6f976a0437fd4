import fc from 'fast-check';
import type { DeadLetter } from '#libs/clickhouse';
import type { Prediction } from '#libs/events';
import type { FindingKind } from '../audit-report.ts';
import type { Place } from '../prediction-ledger.ts';
import { bundleOf, keyOf, type MadeUpHistory } from './made-up-history.ts';

/** Takes one of many by a number that fast-check chooses. */
function pick<T>(all: readonly T[], which: number): T {
  const found = all[which % all.length];
  if (found === undefined) throw new RangeError('nothing to choose from');
  return found;
}

/** Answers of the champion that nobody has given again. */
export function answeredOnce({ predictions }: MadeUpHistory) {
  const key = ({ inputPartition, inputOffset }: Prediction) => `${inputPartition}@${inputOffset}`;
  const answers = predictions.filter(({ value }) => value.role !== 'shadow');
  const times = Map.groupBy(answers, ({ value }) => key(value));
  return answers.filter(({ value }) => value.role === 'champion' && times.get(key(value))?.length === 1);
}

/** Records that are alone under their key. */
function saidOnce(history: MadeUpHistory) {
  const times = Map.groupBy(history.predictions, ({ value }) => keyOf(value));
  return history.predictions.filter(({ value }) => times.get(keyOf(value))?.length === 1);
}

/** The latest record under each key. */
function saidLast({ predictions }: MadeUpHistory) {
  const key = ({ role, version, epoch, inputPartition, inputOffset }: Prediction) =>
    [role, version, epoch, inputPartition, inputOffset].join('/');
  return [...new Map(predictions.map((one) => [key(one.value), one])).values()];
}

/** The same record in Kafka and in the table says something else. */
export function change(
  history: MadeUpHistory,
  at: MadeUpHistory['predictions'][number],
  fields: Partial<Prediction>,
): void {
  for (const all of [history.predictions, history.predictionRows])
    for (const one of all)
      if (one.partition === at.partition && one.offset === at.offset) one.value = { ...one.value, ...fields };
}

/** Puts a record at the end of its partition, with its row. */
export function append(history: MadeUpHistory, partition: number, value: Prediction): void {
  const offset = history.predictions.filter((one) => one.partition === partition).length;
  history.predictions.push({ value, partition, offset });
  history.predictionRows.push({ value, partition, offset });
}

/** A letter, with its row, in the place of an answer. */
function bury(history: MadeUpHistory, which: number, letter: Partial<DeadLetter>): void {
  const { value, partition, offset } = pick(answeredOnce(history), which);
  const other = (one: Place) => one.partition !== partition || one.offset !== offset;
  history.predictions = history.predictions.filter(other);
  history.predictionRows = history.predictionRows.filter(other);
  const place = { partition: value.inputPartition, offset: value.inputOffset };
  history.letters.push({ ...pick(history.letters, which), ...place, ...letter });
  history.letterRows.push({ ...pick(history.letters, history.letters.length - 1) });
}

/** What shadows have scored once, whatever was served meanwhile. */
function ofShadows({ predictions }: MadeUpHistory) {
  const shadows = predictions.filter(({ value }) => value.role === 'shadow');
  const key = ({ version, inputPartition, inputOffset }: Prediction) =>
    [version, inputPartition, inputOffset].join('/');
  const times = Map.groupBy(shadows, ({ value }) => key(value));
  const once = shadows.filter(({ value }) => times.get(key(value))?.length === 1);
  fc.pre(once.length > 0);
  return once;
}

/** What must not be, each brought into a history of which everything else is right. */
export const faults: [kind: FindingKind, name: string, inject: (history: MadeUpHistory, which: number) => void][] = [
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
      const { a = 0, b = 0 } = value.probabilities;
      append(history, partition, {
        ...value,
        label: 'b',
        probabilities: { a: b, b: a },
        inferredAt: value.inferredAt + 1,
      });
    },
  ],
  [
    'mislabelled',
    'a label that is not the most probable one',
    (history, which) => {
      const at = pick(saidOnce(history), which);
      change(history, at, { label: 'b', probabilities: { a: 0.6, b: 0.4 }, confidence: 0.6 });
    },
  ],
  ...[0.3, Number.NaN].map((confidence): (typeof faults)[number] => [
    'mislabelled',
    `a confidence of ${confidence} that is not that of its label`,
    (history, which) => change(history, pick(saidOnce(history), which), { confidence }),
  ]),
  [
    'mislabelled',
    'a probability that is not a number',
    (history, which) => change(history, pick(saidOnce(history), which), { probabilities: { a: 0.9, b: Number.NaN } }),
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
  ...[{ textId: 'another' }, { occurredAt: 2 }].map((fields): (typeof faults)[number] => [
    'misattributed',
    `what a shadow scored of another text: ${Object.keys(fields).join()}`,
    (history, which) => change(history, pick(ofShadows(history), which), fields),
  ]),
  [
    'misattributed',
    'another time of the text',
    (history, which) => change(history, pick(answeredOnce(history), which), { occurredAt: 2 }),
  ],
  [
    'misattributed',
    'another text, under the key of an answer before',
    (history, which) => {
      const { value, partition } = pick(answeredOnce(history), which);
      append(history, partition, { ...value, textId: 'another' });
    },
  ],
  [
    'misattributed',
    'another text, by another epoch',
    (history, which) => {
      const { value, partition } = pick(answeredOnce(history), which);
      const { epoch } = pick(history.versions, history.versions.length - 1);
      fc.pre(epoch > value.epoch);
      append(history, partition, { ...value, epoch, ...bundleOf(epoch), inferredAt: 1e9, textId: 'another' });
    },
  ],
  [
    'misattributed',
    'what a shadow scored of a record that cannot be read',
    (history, which) => {
      const { value, partition } = pick(ofShadows(history), which);
      const unreadable = pick(
        history.texts.filter((text) => text.value === null),
        which,
      );
      append(history, partition, { ...value, inputPartition: unreadable.partition, inputOffset: unreadable.offset });
    },
  ],
  ...[{ inputOffset: 10_000 }, { inputPartition: 99 }].map((place): (typeof faults)[number] => [
    'misattributed',
    `an answer to a record that there is not: ${JSON.stringify(place)}`,
    (history, which) => {
      const { value, partition } = pick(history.predictions, which);
      append(history, partition, { ...value, ...place });
    },
  ]),
  [
    'buried-wrongly',
    'a text of a model that has long been promoted',
    (history, which) => bury(history, which, { error: 'unknown-model', stage: 'handle', failedAt: 1e9 }),
  ],
  [
    'buried-wrongly',
    'a text that can be read, as one that cannot',
    (history, which) => bury(history, which, { error: 'truncated', stage: 'decode' }),
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
