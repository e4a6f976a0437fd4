import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ClickHouse, toRow } from '#libs/clickhouse';
import type { DriftReport, Label, PerformanceReport, Prediction, Text } from '#libs/events';
import { type Configuration, loadConfig } from '#libs/platform';
import type { Pipeline } from '#libs/stream';
import { openTemporaryClickHouse } from '../../../libs/clickhouse/src/testing/temporary-clickhouse.ts';
import { type MemoryStream, openMemoryStream } from '../../../libs/stream/src/testing/memory-stream.ts';
import { MonitoringPipeline } from './monitoring.pipeline.ts';
import { ModelMonitors } from './windows/model-monitors.ts';

const hour = 3_600_000;
const start = Date.UTC(2026, 0, 5);
const perHour = 100;

/** The machine's clock, unless a test lets time pass. */
const clock = {
  ahead: 0,
  now: () => Math.floor(globalThis.performance.timeOrigin + globalThis.performance.now()) + clock.ahead,
};

let memory: MemoryStream;
let clickhouse: ClickHouse;
/** Resolves when a table refuses rows. */
let refused: PromiseWithResolvers<void>;
let monitors: ModelMonitors;
let pipeline: Pipeline;
let drift: DriftReport[];
let performance: PerformanceReport[];

function configuration(): Configuration['monitoring'] {
  const { monitoring } = loadConfig({ env: {} }).config;
  return {
    ...monitoring,
    window: { ...monitoring.window, minimumTexts: perHour, idleTimeout: '1h' },
    reference: { texts: 4 * perHour },
    performance: { ...monitoring.performance, rollingLabels: perHour },
  };
}

async function startMonitoring(): Promise<void> {
  [monitors, pipeline] = await openMonitoring();
}

/** One instance, as a process of its own would be. */
async function openMonitoring(): Promise<[ModelMonitors, Pipeline]> {
  const { stream, clock, logger, metrics } = memory;
  const producer = stream.producer();
  const opened = new ModelMonitors({
    clickhouse,
    config: configuration(),
    clock,
    logger,
    metrics,
    publishDrift: async (value) => {
      drift.push(value);
      await producer.send('drift-reports', [{ key: value.model, value }]);
    },
    publishPerformance: async (value) => {
      performance.push(value);
      await producer.send('performance-reports', [{ key: value.model, value }]);
    },
  });
  await opened.start();
  const watched: ClickHouse = {
    ...clickhouse,
    insert: (table, rows) =>
      clickhouse.insert(table, rows).catch((error: unknown) => {
        refused.resolve();
        throw error;
      }),
  };
  return [opened, await new MonitoringPipeline({ stream, clickhouse: watched, monitors: opened, metrics }).start()];
}

async function stopMonitoring(): Promise<void> {
  await pipeline.close();
  await monitors.close();
}

beforeEach(async () => {
  clock.ahead = 0;
  memory = await openMemoryStream({}, { clock });
  clickhouse = await openTemporaryClickHouse();
  [drift, performance] = [[], []];
  refused = Promise.withResolvers();
  await startMonitoring();
});

afterEach(async () => {
  await stopMonitoring();
  await memory.stream.close();
  await clickhouse.close();
});

/** Everything produced so far is stored and looked at. */
async function settled(): Promise<void> {
  const { admin } = memory.stream;
  for (;;) {
    const lags = await Promise.all(
      (['texts', 'predictions', 'labels', 'drift-reports', 'performance-reports'] as const).map((topic) =>
        admin.groupLag('monitoring', topic),
      ),
    );
    if (lags.every(({ total }) => total === 0) && monitors.idle) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const words = {
  old: ['waan', 'ku', 'arkay', 'magaalada', 'shalay', 'isaga', 'iyo', 'walaalkiis', 'guriga', 'hortiisa', 'ayaa', 'uu'],
  new: [
    'dabarre',
    'jiidda',
    'xoolaha',
    'maqaasin',
    'eelaaso',
    'okaas',
    'ewe',
    'ariya',
    'sheekada',
    'iskaa',
    'bur',
    'kor',
  ],
};

/** A text of the stream by its number: a hundred an hour, classes `a` and `b` in turn, in old or new words. */
function textOf(index: number, language: keyof typeof words): Text {
  const pick = (k: number) => words[language][(index * 7 + k * 5 + ((index * k) % 3)) % 12] ?? '';
  const occurredAt = start + Math.floor((index * hour) / perHour);
  const text = [0, 1, 2, 3, 4, 5].map(pick).join(' ');
  return { id: `t${index}`, model: 'm', text, occurredAt, source: 'test', attributes: {} };
}

function predictionOf(text: Text, { epoch = 1, offset = 0 } = {}): Prediction {
  const label = Number(text.id.slice(1)) % 2 === 0 ? 'a' : 'b';
  const confidence = 0.9;
  return {
    textId: text.id,
    model: text.model,
    version: epoch,
    epoch,
    bundleDigest: 'd',
    label,
    confidence,
    probabilities: { a: label === 'a' ? confidence : 1 - confidence, b: label === 'b' ? confidence : 1 - confidence },
    role: 'champion',
    inputTopic: 'texts',
    inputPartition: 0,
    inputOffset: offset,
    occurredAt: text.occurredAt,
    inferredAt: text.occurredAt,
    device: 'cpu',
    truncated: false,
    queueMilliseconds: 0,
    inferenceMilliseconds: 0,
  };
}

async function send(texts: readonly Text[]): Promise<void> {
  const producer = memory.stream.producer();
  await producer.send(
    'texts',
    texts.map((value) => ({ key: value.id, value })),
  );
  const answers = texts.map((text, i) => ({ key: text.id, value: predictionOf(text, { offset: i }) }));
  await producer.send('predictions', answers);
}

function hours(from: number, until: number, language: keyof typeof words): Text[] {
  const count = (until - from) * perHour;
  return Array.from({ length: count }, (_, i) => textOf(from * perHour + i, language));
}

async function label(textIds: readonly string[], change: Partial<Label> = {}): Promise<void> {
  const records = textIds.map((textId) => {
    const given = Number(textId.slice(1)) % 2 === 0 ? 'a' : 'b';
    const occurredAt = start + Math.floor((Number(textId.slice(1)) * hour) / perHour);
    const who = { labeller: 'test', source: 'human', labelledAt: occurredAt + hour / 2, confidence: null };
    const value: Label = { textId, model: 'm', label: given, ...who, ...change };
    return { key: textId, value };
  });
  await memory.stream.producer().send('labels', records);
}

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

  it('says everything once with two instances, each storing its share of the partitions', async () => {
    const [others, other] = await openMonitoring();
    const texts = hours(0, 7, 'old');
    await send(texts);
    await label(texts.slice(0, 200).map(({ id }) => id));
    const stated = () => drift.filter(({ revision }) => revision === 0).map(({ windowStart }) => windowStart);
    const expected = Array.from({ length: 6 }, (_, i) => start + i * hour);
    // What the other instance stores is seen at the next tick.
    while (stated().length < expected.length || !others.idle) await new Promise((resolve) => setImmediate(resolve));
    expect(stated()).toStrictEqual(expected);
    expect(new Set(drift.map(({ texts: count }) => count))).toStrictEqual(new Set([perHour]));
    expect(other.status().partitions.length).toBeGreaterThan(0);
    await other.close();
    await others.close();
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
    monitors.evaluate(true);
    await settled();
    const windowEnd = start + 10 * hour + 6;
    expect(rolling()).toMatchObject([{ windowEnd, labelled: perHour, accuracy: { value: 1 } }]);
    // What comes later is counted from there.
    await label(ids.slice(0, 50), { label: 'a', labelledAt: start + 10 * hour + 7 });
    await settled();
    clock.ahead = 2 * hour;
    monitors.evaluate(true);
    await settled();
    expect(rolling()).toMatchObject([{ windowEnd }, { windowEnd: windowEnd + 2 }]);
  });

  it('goes on after a restart where it was, and catches up on what was stored meanwhile', async () => {
    const texts = hours(0, 6, 'old');
    await send(texts);
    await label(texts.slice(0, 50).map(({ id }) => id));
    await settled();
    const said = { drift: drift.length, performance: performance.length };
    await stopMonitoring();
    await startMonitoring();
    await settled();
    expect({ drift: drift.length, performance: performance.length }).toStrictEqual(said);
    await stopMonitoring();
    // Stored, but its monitor died before it looked.
    const late = { ...textOf(0, 'old'), id: 't9998', occurredAt: start + 10 };
    await clickhouse.insert('texts', [toRow('texts', late, { partition: 0, offset: 900 })]);
    const answer = predictionOf(late, { offset: 900 });
    await clickhouse.insert('predictions', [toRow('predictions', answer, { partition: 0, offset: 900 })]);
    await startMonitoring();
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
