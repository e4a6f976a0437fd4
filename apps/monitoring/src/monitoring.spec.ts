import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ClickHouse, toRow } from '#libs/clickhouse';
import type { DriftReport, Label, PerformanceReport, Text } from '#libs/events';
import { openTemporaryClickHouse } from '../../../libs/clickhouse/src/testing/temporary-clickhouse.ts';
import { type MemoryStream, openMemoryStream } from '../../../libs/stream/src/testing/memory-stream.ts';
import { type Instance, openInstance, settled as settledOn } from './testing/instance.ts';
import {
  hour,
  hours,
  labelOf,
  perHour,
  predictionOf,
  sendAnswers,
  sendLabels,
  sendTexts,
  start,
  textOf,
} from './testing/made-up-hours.ts';

/** The machine's clock, unless a test lets time pass. */
const clock = {
  ahead: 0,
  now: () => Math.floor(globalThis.performance.timeOrigin + globalThis.performance.now()) + clock.ahead,
};

let memory: MemoryStream;
let clickhouse: ClickHouse;
/** Resolves when a table refuses rows. */
let refused: PromiseWithResolvers<void>;
let instance: Instance;
let drift: DriftReport[];
let performance: PerformanceReport[];
let inOrder: (DriftReport | PerformanceReport)[];

const open = () => {
  const watched: ClickHouse = {
    ...clickhouse,
    insert: (table, rows) =>
      clickhouse.insert(table, rows).catch((error: unknown) => {
        refused.resolve();
        throw error;
      }),
  };
  return openInstance({ ...memory, clickhouse: watched, said: { drift, performance, inOrder } });
};
const close = () => instance[Symbol.asyncDispose]();

beforeEach(async () => {
  clock.ahead = 0;
  memory = await openMemoryStream({}, { clock });
  clickhouse = await openTemporaryClickHouse();
  [drift, performance, inOrder] = [[], [], []];
  refused = Promise.withResolvers();
  instance = await open();
});

afterEach(async () => {
  await close();
  await memory.stream.close();
  await clickhouse.close();
});

const settled = () => settledOn(memory.stream, instance);
const send = (texts: readonly Text[]) => sendTexts(memory.stream, texts);
const label = (textIds: readonly string[], change?: Partial<Label>) => sendLabels(memory.stream, textIds, change);
const ofWindow = (hourNumber: number) => drift.filter(({ windowStart }) => windowStart === start + hourNumber * hour);

describe('monitoring', () => {
  it('collects a reference, says nothing about more of the same, and names the words when the language moves', async () => {
    await send(hours(0, 7, 'old'));
    await settled();
    await send(hours(7, 9, 'new'));
    await send(hours(9, 10, 'new').slice(0, 50));
    await settled();
    const first = Array.from({ length: 9 }, (_, i) => ofWindow(i)[0]);
    expect(first.map((report) => report?.texts)).toStrictEqual(Array.from({ length: 9 }, () => perHour));
    expect(first.slice(0, 4).map((report) => report?.verdict)).toStrictEqual(
      Array.from({ length: 4 }, () => 'collecting'),
    );
    expect(first.slice(4, 7).map((report) => report?.verdict)).toStrictEqual(['stable', 'stable', 'stable']);
    expect(first[7]).toMatchObject({ verdict: 'drift', version: 1, epoch: 1, referenceTexts: 4 * perHour });
    const moved = first[7]?.movements.filter(({ kind }) => kind === 'word').map(({ term }) => term);
    expect(moved).toEqual(expect.arrayContaining(['eelaaso', 'xoolaha']));
  });

  it('stores and says the same when everything is delivered again', async () => {
    const texts = hours(0, 6, 'old');
    await send(texts);
    await label(texts.slice(0, 300).map(({ id }) => id));
    await settled();
    const said = { drift: drift.length, performance: performance.length };
    await send(texts);
    await label(texts.slice(0, 300).map(({ id }) => id));
    await settled();
    expect({ drift: drift.length, performance: performance.length }).toStrictEqual(said);
    for (const [view, rows] of [
      ['effective_predictions', 600],
      ['effective_labels', 300],
      ['labelled_predictions', 300],
    ] as const) {
      const [count] = await clickhouse.query<{ n: number }>(`SELECT count() AS n FROM ${view}`);
      expect([view, Number(count?.n)]).toStrictEqual([view, rows]);
    }
    const [stored] = await clickhouse.query<{ n: number }>('SELECT count() AS n FROM drift_reports FINAL');
    expect(Number(stored?.n)).toBe(drift.length);
  });

  it('counts of every text the first answer of the champion to its latest record', async () => {
    const { stream } = memory;
    const answers = await send(hours(0, 1, 'old'));
    const again = answers.filter(({ label: given }) => given === 'a').slice(0, 10);
    const texts = hours(0, 1, 'old').filter(({ id }) => again.some(({ textId }) => textId === id));
    await sendTexts(stream, texts, { label: 'b' });
    const answeredMore = answers.slice(50, 60);
    await sendAnswers(
      stream,
      answeredMore.map((answer) => ({ ...answer, label: 'c' })),
    );
    await sendAnswers(
      stream,
      answeredMore.map((answer) => ({ ...answer, epoch: 2, version: 2, label: 'd' })),
    );
    await sendAnswers(
      stream,
      hours(0, 1, 'old').map((text) => ({ ...predictionOf({ ...text, id: `${text.id}00` }), role: 'shadow' })),
    );
    await send(hours(1, 3, 'old'));
    await settled();
    expect(ofWindow(0).at(-1)).toMatchObject({ texts: perHour, epoch: 1, predictedShares: { a: 0.4, b: 0.6 } });
  });

  it('takes a new reference for a new version, and speaks of its answers only', async () => {
    const rolling = () => performance.findLast(({ scope }) => scope === 'rolling');
    const old = hours(0, 6, 'old');
    await send(old);
    await label(old.map(({ id }) => id));
    await settled();
    expect(rolling()).toMatchObject({ version: 1, accuracy: { value: 1 } });
    const next = hours(6, 13, 'new');
    await sendTexts(memory.stream, next, { version: 2, epoch: 2, label: 'a' });
    await label(next.map(({ id }) => id));
    await settled();
    expect(ofWindow(5).at(-1)).toMatchObject({ version: 1, verdict: 'stable', referenceTexts: 4 * perHour });
    const since = [6, 7, 8, 9, 10, 11].map((number) => ofWindow(number).at(-1));
    expect(since.map((report) => [report?.version, report?.verdict])).toStrictEqual([
      ...Array.from({ length: 4 }, () => [2, 'collecting']),
      [2, 'stable'],
      [2, 'stable'],
    ]);
    expect(since[5]).toMatchObject({ referenceTexts: 4 * perHour });
    expect(rolling()).toMatchObject({ version: 2, texts: perHour, accuracy: { value: 0.5 } });
    // Half of its first hour was labelled by its end, and one text at its end.
    const first = performance.find(({ scope, version }) => scope === 'rolling' && version === 2);
    expect(first).toMatchObject({ windowEnd: start + 7 * hour, texts: perHour / 2 + 1 });
  });

  it('speaks in the order of event time, however much has waited', async () => {
    await close();
    const texts = hours(0, 6, 'old');
    await send(texts);
    await label(texts.map(({ id }) => id));
    instance = await open();
    await settled();
    const said = inOrder.map((report) => [report.windowEnd, 'scope' in report ? report.scope : 'drift']);
    expect(said).toStrictEqual(
      [1, 2, 3, 4, 5].flatMap((number) =>
        ['drift', 'window', 'rolling'].map((scope) => [start + number * hour, scope]),
      ),
    );
  });

  it.each([
    ['began before the texts came', () => Promise.resolve(instance)],
    ['begins when they are there', () => close().then(open)],
  ])('waits for every partition that holds texts, whichever is read first, when it %s', async (_, begin) => {
    await settled();
    const texts = hours(0, 4, 'old');
    const places = await memory.stream.producer().send(
      'texts',
      texts.map((value) => ({ key: value.id, value })),
    );
    const answers = texts.map((text, i) => predictionOf(text, places[i]));
    const [early, late] = [true, false].map((first) =>
      answers.filter(({ inputPartition }) => (inputPartition !== 0) === first),
    );
    await settled();
    instance = await begin();
    await sendAnswers(memory.stream, early ?? []);
    await settled();
    expect(drift).toStrictEqual([]);
    await sendAnswers(memory.stream, late ?? []);
    await settled();
    expect(drift.map(({ windowStart, texts: count }) => [windowStart, count])).toStrictEqual(
      [0, 1, 2].map((number) => [start + number * hour, perHour]),
    );
  });

  it('looks at thousands of labels with long ids at once', async () => {
    const texts = hours(0, 2, 'old');
    await send(texts);
    await settled();
    const unknown = Array.from({ length: 3000 }, (_, i) => `${i}-${'x'.repeat(200)}`);
    const labels = [...unknown, ...texts.map(({ id }) => id)].map((id) => ({
      ...labelOf('t0'),
      textId: id,
      label: 'a',
    }));
    await memory.stream.producer().send(
      'labels',
      labels.map((value) => ({ key: value.textId, value })),
    );
    await settled();
    expect(performance.findLast(({ scope }) => scope === 'window')).toMatchObject({ labelled: perHour });
  });

  it('commits nothing that a table did not take, and stores it once the table does', async () => {
    await clickhouse.command('RENAME TABLE texts TO texts_away');
    const texts = hours(0, 1, 'old');
    await send(texts);
    await refused.promise;
    const { total } = await memory.stream.admin.groupLag('monitoring', 'texts');
    expect(total).toBe(texts.length);
    await clickhouse.command('RENAME TABLE texts_away TO texts');
    await settled();
    const [stored] = await clickhouse.query<{ n: number }>('SELECT count() AS n FROM texts FINAL');
    expect(Number(stored?.n)).toBe(texts.length);
  });

  it('states a closed window again when a late text falls into it', async () => {
    await send(hours(0, 6, 'old'));
    await settled();
    const late = { ...textOf(2 * perHour + 50, 'old'), id: 't9999' };
    await send([late]);
    await settled();
    // Once or twice: the text and its answer are stored one after the other.
    const said = ofWindow(2);
    expect(said[0]).toMatchObject({ revision: 0, texts: perHour });
    expect(said.at(-1)).toMatchObject({ revision: said.length - 1, texts: perHour + 1 });
    expect(said.length).toBeGreaterThan(1);
    expect(drift.filter(({ revision }) => revision > 0)).toStrictEqual(said.slice(1));
  });

  it('counts the label given last, whether it comes early, late, twice or contradicts', async () => {
    const texts = hours(0, 3, 'old');
    const ids = texts.map(({ id }) => id);
    await label(ids.slice(0, 60));
    await send(texts);
    await settled();
    const window = () => performance.findLast(({ scope, windowStart }) => scope === 'window' && windowStart === start);
    expect(window()).toMatchObject({ labelled: 60, labelCoverage: 0.6, accuracy: { value: 1 } });
    await label(ids.slice(0, 10), { label: 'a', labelledAt: start + 10 * hour });
    await settled();
    expect(window()).toMatchObject({ labelled: 60, accuracy: { value: 55 / 60 } });
    // An older opinion that arrives later changes nothing.
    await label(ids.slice(0, 10), { label: 'b', labelledAt: start });
    await settled();
    expect(window()).toMatchObject({ labelled: 60, accuracy: { value: 55 / 60 }, revision: 1 });
    // Of two opinions of the same instant the one produced last counts.
    await label(ids.slice(0, 10), { label: 'c', labelledAt: start + 10 * hour, labeller: 'other' });
    await settled();
    expect(window()).toMatchObject({ labelled: 60, accuracy: { value: 50 / 60 }, revision: 2 });
    const [kept] = await clickhouse.query<{ n: number }>('SELECT count() AS n FROM labels');
    expect(Number(kept?.n)).toBe(90);
  });

  it('states the rolling figures of labels that came in one go once no more are coming', async () => {
    const rolling = () => performance.filter(({ scope }) => scope === 'rolling');
    const texts = hours(0, 3, 'old');
    const ids = texts.map(({ id }) => id);
    await send(texts);
    await label(ids, { labelledAt: start + 10 * hour + 5 });
    await settled();
    expect(rolling()).toHaveLength(0);
    clock.ahead = hour;
    instance.monitors.evaluate(true);
    await settled();
    const windowEnd = start + 10 * hour + 6;
    expect(rolling()).toMatchObject([{ windowEnd, labelled: perHour, accuracy: { value: 1 } }]);
    // What comes later is counted from there.
    await label(ids.slice(0, 50), { label: 'a', labelledAt: start + 10 * hour + 7 });
    await settled();
    clock.ahead = 2 * hour;
    instance.monitors.evaluate(true);
    await settled();
    expect(rolling()).toMatchObject([{ windowEnd }, { windowEnd: windowEnd + 2 }]);
  });

  it('goes on after a restart where it was, and catches up on what was stored meanwhile', async () => {
    const texts = hours(0, 6, 'old');
    await send(texts);
    await label(texts.slice(0, 50).map(({ id }) => id));
    await settled();
    const said = { drift: drift.length, performance: performance.length };
    await close();
    instance = await open();
    await settled();
    expect({ drift: drift.length, performance: performance.length }).toStrictEqual(said);
    // What comes again says nothing new either, though statements are compared with those read from the tables.
    await send(texts);
    await label(texts.slice(0, 50).map(({ id }) => id));
    await settled();
    expect({ drift: drift.length, performance: performance.length }).toStrictEqual(said);
    await close();
    // Stored, but its monitor died before it looked.
    const late = { ...textOf(0, 'old'), id: 't9998', occurredAt: start + 10 };
    await clickhouse.insert('texts', [toRow('texts', late, { partition: 0, offset: 900 })]);
    const answer = predictionOf(late, { partition: 0, offset: 900n });
    await clickhouse.insert('predictions', [toRow('predictions', answer, { partition: 0, offset: 900 })]);
    instance = await open();
    await settled();
    expect(ofWindow(0).at(-1)).toMatchObject({ revision: 1, texts: perHour + 1 });
  });

  it('ignores a time far ahead of the clock when it closes windows, and keeps the text', async () => {
    await send(hours(0, 2, 'old'));
    await send([{ ...textOf(0, 'old'), id: 't9997', occurredAt: Date.UTC(2200, 0, 1) }]);
    await settled();
    expect(drift.map(({ windowStart }) => windowStart)).toStrictEqual([start]);
    const [kept] = await clickhouse.query<{ n: number }>("SELECT count() AS n FROM texts WHERE id = 't9997'");
    expect(Number(kept?.n)).toBe(1);
  });
});
