import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClickHouse } from '#libs/clickhouse';
import type { DriftReport, PerformanceReport } from '#libs/events';
import { openTemporaryClickHouse } from '../../../libs/clickhouse/src/testing/temporary-clickhouse.ts';
import { type MemoryStream, openMemoryStream } from '../../../libs/stream/src/testing/memory-stream.ts';
import { type Instance, openInstance, settled } from './testing/instance.ts';
import { hour, hours, perHour, sendLabels, sendTexts, start, textOf } from './testing/made-up-hours.ts';

let memory: MemoryStream;
let clickhouse: ClickHouse;
let said: { drift: DriftReport[]; performance: PerformanceReport[] };

beforeEach(async () => {
  memory = await openMemoryStream();
  clickhouse = await openTemporaryClickHouse();
  said = { drift: [], performance: [] };
});

afterEach(async () => {
  await memory.stream.close();
  await clickhouse.close();
});

const open = (): Promise<Instance> => openInstance({ ...memory, clickhouse, said });
const evaluatorOf = (...instances: Instance[]) =>
  instances.find(({ pipeline }) =>
    pipeline.status().partitions.some(({ topic, partition }) => topic.endsWith('predictions') && partition === 0),
  );
const keysOf = (reports: readonly { id: string; revision: number }[]) =>
  reports.map(({ id, revision }) => `${id} ${revision}`);

describe('several instances of monitoring', () => {
  it('say everything once, each storing its share of the partitions', async () => {
    await using first = await open();
    await using second = await open();
    const texts = hours(0, 7, 'old');
    await sendTexts(memory.stream, texts);
    await sendLabels(
      memory.stream,
      texts.slice(0, 200).map(({ id }) => id),
    );
    const stated = () => said.drift.filter(({ revision }) => revision === 0).map(({ windowStart }) => windowStart);
    const expected = Array.from({ length: 6 }, (_, i) => start + i * hour);
    // What the other instance stores is seen at the next tick.
    while (stated().length < expected.length) await new Promise((resolve) => setImmediate(resolve));
    await settled(memory.stream, first, second);
    expect(stated()).toStrictEqual(expected);
    expect(new Set(said.drift.map(({ texts: count }) => count))).toStrictEqual(new Set([perHour]));
    for (const { pipeline } of [first, second]) expect(pipeline.status().partitions.length).toBeGreaterThan(0);
  });

  it('state again what labels and late texts change, whichever instance stores them', async () => {
    await using first = await open();
    await using second = await open();
    const texts = hours(0, 2, 'old');
    await sendTexts(memory.stream, texts);
    while (said.drift.length < 1) await new Promise((resolve) => setImmediate(resolve));
    await settled(memory.stream, first, second);
    const late = Array.from({ length: 20 }, (_, i) => ({ ...textOf(i, 'old'), id: `t${9000 + i}` }));
    await sendTexts(memory.stream, late);
    while (said.drift.at(-1)?.texts !== perHour + 20) await new Promise((resolve) => setImmediate(resolve));
    await sendLabels(
      memory.stream,
      texts.slice(0, perHour).map(({ id }) => id),
    );
    const { model, windowStart } = { model: 'm', windowStart: start };
    const last = () => said.performance.findLast(({ scope }) => scope === 'window');
    while (last()?.labelled !== perHour) await new Promise((resolve) => setImmediate(resolve));
    expect(last()).toMatchObject({ model, windowStart, texts: perHour + 20, accuracy: { value: 1 } });
  });

  it('go on where the other was when that one ends', async () => {
    await using first = await open();
    await using second = await open();
    await sendTexts(memory.stream, hours(0, 6, 'old'));
    while (said.drift.length < 5) await new Promise((resolve) => setImmediate(resolve));
    await sendTexts(memory.stream, [{ ...textOf(0, 'old'), id: 't9001' }]);
    while (said.drift.at(-1)?.texts !== perHour + 1) await new Promise((resolve) => setImmediate(resolve));
    await settled(memory.stream, first, second);
    const before = keysOf(said.drift);
    const [ending, staying] = evaluatorOf(first, second) === first ? [first, second] : [second, first];
    await ending[Symbol.asyncDispose]();
    await settled(memory.stream, staying);
    expect(keysOf(said.drift)).toStrictEqual(before);
    await sendTexts(memory.stream, [{ ...textOf(1, 'old'), id: 't9002' }]);
    await settled(memory.stream, staying);
    const revisions = said.drift.filter(({ windowStart }) => windowStart === start).map(({ revision }) => revision);
    expect(revisions).toStrictEqual([...revisions.keys()]);
    expect(said.drift.at(-1)).toMatchObject({ windowStart: start, texts: perHour + 2 });
  });
});
