import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Label, ModelVersion, Prediction, Text } from '#libs/events';
import type { ClickHouse } from '../clickhouse.ts';
import { readExamples } from '../testing/examples.ts';
import { openTemporaryClickHouse } from '../testing/temporary-clickhouse.ts';
import { pairedAnswers } from '../questions/paired-answers.ts';
import { type Coordinates, toRow, type TableRow } from './rows.ts';

let db: ClickHouse;
beforeAll(async () => (db = await openTemporaryClickHouse()));
afterAll(() => db.close());

function example<T>(examples: { name: string; record: T }[], name: string): T {
  const found = examples.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no example ${name}`);
  return found.record;
}
const text = (change: Partial<Text>): Text => ({ ...example(readExamples('texts'), 'ordinary'), ...change });
const label = (change: Partial<Label>): Label => ({ ...example(readExamples('labels'), 'ordinary'), ...change });
const prediction = (change: Partial<Prediction>): Prediction => ({
  ...example(readExamples('predictions'), 'ordinary'),
  ...change,
});

/** Every order of `items`; each is tried under a model name of its own. */
function orders<T>(items: T[]): T[][] {
  if (items.length <= 1) return [items];
  return items.flatMap((item, index) => orders(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

/** Inserts the rows one by one in every order and returns the distinct answers to `sql`. */
async function answersInEveryOrder(
  table: string,
  rows: (model: string) => TableRow[],
  sql: string,
): Promise<unknown[]> {
  const answers = new Set<string>();
  const suffix = `${table}-${Math.trunc(performance.now() * 1000)}`;
  for (const [index, order] of orders(rows('')).entries()) {
    const model = `${suffix}-${index}`;
    for (const row of order) await db.insert(table, [{ ...row, model }]);
    answers.add(JSON.stringify(await db.query(sql, { model })));
  }
  return [...answers].map((answer): unknown => JSON.parse(answer));
}

describe('texts', () => {
  test('replayed with shifted batch borders and out of order they count once', async () => {
    const rows = Array.from({ length: 20_000 }, (_, offset) =>
      toRow('texts', text({ id: `r-${offset}`, model: 'replay', occurredAt: 1e12 + offset * 60_000 }), {
        partition: offset % 4,
        offset,
      }),
    );
    const insertFrom = async (from: number, batch: number) => {
      for (let at = from; at < rows.length; at += batch) await db.insert('texts', rows.slice(at, at + batch));
    };
    await insertFrom(0, 2000);
    await insertFrom(12_345, 1777);
    await insertFrom(0, 4321);
    const sql =
      "SELECT count() AS n, uniqExact(id) AS ids, sum(kafka_offset) AS s FROM texts FINAL WHERE model = 'replay'";
    expect(await db.query(sql)).toEqual([{ n: 20_000, ids: 20_000, s: (20_000 * 19_999) / 2 }]);
  });

  test('a repeated id replaces the earlier text, also one of another month', async () => {
    const rows = (model: string) => [
      toRow('texts', text({ model, text: 'first', occurredAt: Date.UTC(2026, 0, 5) }), { partition: 0, offset: 1 }),
      toRow('texts', text({ model, text: 'second', occurredAt: Date.UTC(2026, 3, 5) }), { partition: 0, offset: 2 }),
      toRow('texts', text({ model, text: 'third', occurredAt: Date.UTC(2026, 1, 5) }), { partition: 0, offset: 3 }),
    ];
    const select = 'SELECT text FROM texts FINAL WHERE model = {model:String}';
    expect(await answersInEveryOrder('texts', rows, select)).toEqual([[{ text: 'third' }]]);
    // A condition on the month must not bring a replaced text back.
    const january = `${select} AND occurred_at < toDateTime64('2026-02-01', 3, 'UTC')`;
    expect(await answersInEveryOrder('texts', rows, january)).toEqual([[]]);
  });
});

describe('effective_labels', () => {
  const rows = (model: string) => [
    toRow('labels', label({ model, label: 'late', labelledAt: 3000, labeller: 'a' }), { partition: 0, offset: 1 }),
    toRow('labels', label({ model, label: 'early', labelledAt: 1000, labeller: 'b' }), { partition: 0, offset: 4 }),
    toRow('labels', label({ model, label: 'tie', labelledAt: 3000, labeller: 'c' }), { partition: 0, offset: 3 }),
    toRow('labels', label({ model, label: 'late', labelledAt: 3000, labeller: 'a' }), { partition: 0, offset: 0 }),
  ];

  test('the latest labelledAt counts, then the last produced, in any order of arrival', async () => {
    const sql = 'SELECT label, labeller FROM effective_labels WHERE model = {model:String}';
    expect(await answersInEveryOrder('labels', rows, sql)).toEqual([[{ label: 'tie', labeller: 'c' }]]);
  });

  test('all are kept, a repeated one once', async () => {
    const sql = 'SELECT label FROM labels FINAL WHERE model = {model:String} ORDER BY label';
    expect(await answersInEveryOrder('labels', rows, sql)).toEqual([
      [{ label: 'early' }, { label: 'late' }, { label: 'tie' }],
    ]);
  });
});

describe('effective_predictions', () => {
  const at = (offset: number): Coordinates => ({ partition: 0, offset });
  const sql = 'SELECT version, label, input_offset FROM effective_predictions WHERE model = {model:String}';

  test('of two answers to one record the one of the lower epoch counts', async () => {
    const rows = (model: string) => [
      toRow('predictions', prediction({ model, version: 1, epoch: 1, label: 'served' }), at(10)),
      toRow('predictions', prediction({ model, version: 2, epoch: 2, label: 'again' }), at(11)),
      toRow('predictions', prediction({ model, version: 3, epoch: 0, label: 'shadow', role: 'shadow' }), at(12)),
    ];
    const expected = [[{ version: 1, label: 'served', input_offset: 0 }]];
    expect(await answersInEveryOrder('predictions', rows, sql)).toEqual(expected);
    const other = `${sql} AND label = 'again'`;
    expect(await answersInEveryOrder('predictions', rows, other)).toEqual([[]]);
  });

  test('the answer to the latest record of a text counts', async () => {
    const rows = (model: string) => [
      toRow('predictions', prediction({ model, epoch: 1, label: 'old', inputOffset: 5 }), at(10)),
      toRow('predictions', prediction({ model, epoch: 2, label: 'new', inputOffset: 9, occurredAt: 1e12 }), at(11)),
      toRow('predictions', prediction({ model, epoch: 3, label: 'redelivered', inputOffset: 5 }), at(12)),
    ];
    const expected = [[{ version: 1, label: 'new', input_offset: 9 }]];
    expect(await answersInEveryOrder('predictions', rows, sql)).toEqual(expected);
  });

  test('the same epoch answering a record twice is one row, the first', async () => {
    const rows = (model: string) => [
      toRow('predictions', prediction({ model, inferredAt: 1e12 }), at(10)),
      toRow('predictions', prediction({ model, inferredAt: 1e12 + 1000 }), at(20)),
    ];
    const raw = 'SELECT kafka_offset FROM predictions FINAL WHERE model = {model:String}';
    expect(await answersInEveryOrder('predictions', rows, raw)).toEqual([[{ kafka_offset: 10 }]]);
  });
});

describe('labelled_predictions', () => {
  test('joins by model and text whichever came first', async () => {
    await db.insert('labels', [toRow('labels', label({ model: 'join', label: 'positive' }))]);
    await db.insert('predictions', [toRow('predictions', prediction({ model: 'join', label: 'negative' }))]);
    await db.insert('predictions', [toRow('predictions', prediction({ model: 'join', textId: 'unlabelled' }))]);
    const sql = "SELECT text_id, predicted_label, true_label, correct FROM labelled_predictions WHERE model = 'join'";
    expect(await db.query(sql)).toEqual([
      { text_id: 't-1001', predicted_label: 'negative', true_label: 'positive', correct: 0 },
    ]);
  });
});

describe('challengers', () => {
  const version = (change: Partial<ModelVersion>): ModelVersion => ({
    ...example(readExamples('model-versions'), 'promote'),
    ...change,
  });
  const insert = async (model: string, answers: (Partial<Prediction> & { textId: string })[]) => {
    const versions = [
      { epoch: 1, revision: 1, version: 1, action: 'promote' },
      { epoch: 1, revision: 2, version: 1, action: 'canary' },
      { epoch: 2, revision: 3, version: 2, action: 'promote' },
    ];
    for (const [offset, change] of versions.entries())
      await db.insert('model_versions', [
        toRow('model_versions', version({ ...change, model }), { partition: 0, offset }),
      ]);
    await db.insert(
      'predictions',
      answers.map((answer, offset) =>
        toRow('predictions', prediction({ epoch: 1, inputPartition: 0, inputOffset: 0, ...answer, model }), {
          partition: 0,
          offset,
        }),
      ),
    );
    const texts = [...new Set(answers.map(({ textId }) => textId))];
    await db.insert(
      'labels',
      texts.map((textId, offset) => toRow('labels', label({ textId, model, label: 'good' }), { partition: 0, offset })),
    );
  };
  const champion = { version: 1, role: 'champion' };
  const canary = { version: 2, role: 'canary' };
  const shadow = (of: number) => ({ version: of, role: 'shadow' });

  test('their answers to one record are all kept, each once', async () => {
    await insert('kept', [
      { textId: 'a', ...champion },
      { textId: 'a', ...shadow(2) },
      { textId: 'a', ...shadow(3) },
      { textId: 'a', ...shadow(3), confidence: 0.5 },
    ]);
    const rows = await db.query("SELECT role, version FROM predictions FINAL WHERE model = 'kept' ORDER BY version");
    expect(rows).toEqual([
      { role: 'champion', version: 1 },
      { role: 'shadow', version: 2 },
      { role: 'shadow', version: 3 },
    ]);
  });

  test('the answer that counts is the one that was given: a canary is, a shadow is not', async () => {
    await insert('given', [
      { textId: 'a', ...shadow(2), label: 'bad' },
      { textId: 'a', ...champion, label: 'good' },
      { textId: 'b', ...canary, label: 'good' },
      { textId: 'b', ...shadow(1), label: 'bad' },
      // Answered by the champion, and after a crash once more by the canary.
      { textId: 'c', ...champion, label: 'good' },
      { textId: 'c', ...canary, label: 'bad' },
    ]);
    const sql =
      "SELECT text_id, role, version, correct FROM labelled_predictions WHERE model = 'given' ORDER BY text_id";
    expect(await db.query(sql)).toEqual([
      { text_id: 'a', role: 'champion', version: 1, correct: 1 },
      { text_id: 'b', role: 'canary', version: 2, correct: 1 },
      { text_id: 'c', role: 'champion', version: 1, correct: 1 },
    ]);
  });

  test('are compared with the champion on the same record and label, whoever answered', async () => {
    await insert('pairs', [
      { textId: 'a', ...champion, label: 'good' },
      { textId: 'a', ...shadow(2), label: 'bad' },
      { textId: 'b', ...shadow(1), label: 'bad' },
      { textId: 'b', ...canary, label: 'good' },
      // Shed: no pair.
      { textId: 'c', ...champion, label: 'good' },
      // The text came again: each record has its own answers, and the latest with both counts.
      { textId: 'd', ...champion, label: 'good', inputOffset: 1 },
      { textId: 'd', ...shadow(2), label: 'good', inputOffset: 1 },
      { textId: 'd', ...champion, label: 'bad', inputOffset: 2 },
      { textId: 'd', ...shadow(2), label: 'bad', inputOffset: 2 },
      { textId: 'd', ...champion, label: 'good', inputOffset: 3 },
      // As champion of the next epoch the version is compared with nobody.
      { textId: 'e', version: 2, role: 'champion', epoch: 2, label: 'good' },
      { textId: 'a', ...shadow(3), label: 'good' },
      { textId: 'f', ...champion, label: 'good' },
      { textId: 'f', ...shadow(1), label: 'good' },
      { textId: 'f', ...shadow(2), label: 'good' },
      { textId: 'f', ...canary, label: 'good' },
    ]);
    const sql = `SELECT text_id, champion, challenger, champion_correct AS x, challenger_correct AS y, challenger_role AS role
      FROM challenger_comparison WHERE model = 'pairs' ORDER BY challenger, text_id`;
    expect(await db.query(sql)).toEqual([
      { text_id: 'a', champion: 1, challenger: 2, x: 1, y: 0, role: 'shadow' },
      { text_id: 'b', champion: 1, challenger: 2, x: 0, y: 1, role: 'canary' },
      { text_id: 'd', champion: 1, challenger: 2, x: 0, y: 0, role: 'shadow' },
      { text_id: 'f', champion: 1, challenger: 2, x: 1, y: 1, role: 'canary' },
      { text_id: 'a', champion: 1, challenger: 3, x: 1, y: 1, role: 'shadow' },
    ]);
  });

  test('are counted pair by pair as the view has them', async () => {
    await insert('counted', [
      { textId: 'a', ...champion, label: 'good' },
      { textId: 'a', ...shadow(2), label: 'bad' },
      { textId: 'b', ...shadow(1), label: 'bad' },
      { textId: 'b', ...canary, label: 'good' },
      { textId: 'c', ...champion, label: 'good' },
      { textId: 'd', ...champion, label: 'good' },
      { textId: 'd', ...shadow(1), label: 'good' },
      { textId: 'd', ...canary, label: 'good' },
      { textId: 'd', ...shadow(2), label: 'good' },
      { textId: 'e', ...champion, label: 'good' },
      { textId: 'e', ...shadow(2), label: 'good', inferredAt: 5 },
    ]);
    const span = { model: 'counted', epoch: 1, champion: 1, challenger: 2, since: 6, until: 9e12 };
    const counts = { championRight: 2, challengerRight: 2, onlyChampionRight: 1, onlyChallengerRight: 1 };
    expect(await pairedAnswers(db, span)).toMatchObject({ labels: 3, ...counts });
    const earlier = await pairedAnswers(db, { ...span, since: 0 });
    const sql = `SELECT count() AS labels, sum(champion_correct) AS x, sum(challenger_correct) AS y
      FROM challenger_comparison WHERE model = 'counted'`;
    const view = { labels: earlier.labels, x: earlier.championRight, y: earlier.challengerRight };
    expect(await db.query(sql)).toEqual([view]);
    expect(await pairedAnswers(db, { ...span, until: 0 })).toMatchObject({ labels: 0 });
  });

  test('are counted apart by whose answer was given', async () => {
    await insert('shown', [
      { textId: 'a', ...champion, label: 'bad' },
      { textId: 'a', ...shadow(2), label: 'good' },
      { textId: 'b', ...canary, label: 'good' },
      { textId: 'b', ...shadow(1), label: 'bad' },
      { textId: 'c', ...canary, label: 'bad' },
      { textId: 'c', ...shadow(1), label: 'good' },
      // Answered twice around a crash: by the champion first, by the canary first.
      { textId: 'd', ...champion, label: 'good' },
      { textId: 'd', ...canary, label: 'bad' },
      { textId: 'e', ...canary, label: 'bad' },
      { textId: 'e', ...champion, label: 'good' },
      // Answered by another one.
      { textId: 'f', version: 3, role: 'canary', label: 'good' },
      { textId: 'f', ...shadow(1), label: 'good' },
      { textId: 'f', ...shadow(2), label: 'bad' },
    ]);
    const span = { model: 'shown', epoch: 1, champion: 1, challenger: 2, since: 0, until: 9e12 };
    expect(await pairedAnswers(db, span)).toEqual({
      labels: 6,
      championRight: 4,
      challengerRight: 2,
      onlyChampionRight: 4,
      onlyChallengerRight: 2,
      shownByChampion: { onlyChampionRight: 1, onlyChallengerRight: 1 },
      shownByChallenger: { onlyChampionRight: 2, onlyChallengerRight: 1 },
    });
  });

  test('make no swap: an epoch has the event that began it', async () => {
    await insert('swapped', []);
    const sql = "SELECT epoch, version, from_version, action FROM swaps WHERE model = 'swapped' ORDER BY epoch";
    expect(await db.query(sql)).toEqual([
      { epoch: 1, version: 1, from_version: null, action: 'promote' },
      { epoch: 2, version: 2, from_version: 1, action: 'promote' },
    ]);
  });
});
