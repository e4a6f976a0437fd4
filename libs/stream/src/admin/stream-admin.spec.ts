import { beforeEach, describe, expect, it, vi } from 'vitest';
import { topics } from '#libs/events';
import { SchemaCodec } from '../codec/schema-codec.ts';
import { MemoryBackend } from '../testing/memory-backend.ts';
import { MemoryBroker } from '../testing/memory-broker.ts';
import { MemorySchemas } from '../testing/memory-schemas.ts';
import { createStreamAdmin, type StreamAdmin } from './stream-admin.ts';

const definitions = [topics.texts, topics['model-versions']];
let broker: MemoryBroker;
let schemas: MemorySchemas;
beforeEach(() => {
  broker = new MemoryBroker();
  schemas = new MemorySchemas();
});

function open(partitions = 0, replicationFactor = 1): StreamAdmin {
  const settings = { topicPrefix: 'p-', acceptJson: true, maximumTextBytes: 1, replicationFactor, partitions };
  const codec = new SchemaCodec({ ...settings, schemas, clock: { now: () => 0 } });
  return createStreamAdmin({ ...settings, backend: new MemoryBackend(broker).admin, codec });
}

describe('topics', () => {
  it('are created once, with their dead-letter topics', async () => {
    expect(await open().checkTopics(definitions)).toEqual(
      ['p-texts', 'p-texts-dlq', 'p-model-versions'].map((topic) => ({ topic, state: 'missing', problems: [] })),
    );
    expect((await open().applyTopics(definitions)).map(({ state }) => state)).toEqual([
      'created',
      'created',
      'created',
    ]);
    expect((await open().applyTopics(definitions)).map(({ state }) => state)).toEqual([
      'present',
      'present',
      'present',
    ]);
    expect(broker.describe(['p-texts', 'p-model-versions'])).toMatchObject([
      { partitions: 4, configuration: { 'cleanup.policy': 'delete' } },
      { partitions: 1, configuration: { 'cleanup.policy': 'compact' } },
    ]);
  });

  it('of three replicas want two to have what is acknowledged, dead letters too', async () => {
    await open(0, 3).applyTopics(definitions);
    for (const { configuration } of broker.describe(['p-texts', 'p-texts-dlq', 'p-model-versions']))
      expect(configuration).toMatchObject({ 'min.insync.replicas': '2' });
  });

  it('get more partitions only while they are empty', async () => {
    await open().applyTopics(definitions);
    const [texts, ...others] = await open(8).checkTopics(definitions);
    expect(texts?.problems).toEqual([
      expect.stringMatching(/^4 partitions, 8 declared; `tidemill topics apply` raises/),
    ]);
    expect(others.flatMap(({ problems }) => problems)).toEqual([]);
    await open(6).applyTopics(definitions);
    expect(broker.partitions('p-texts')).toBe(6);
    broker.append('p-texts', 0, { key: 'k', value: null });
    const [holding] = await open(8).applyTopics(definitions);
    expect(holding?.problems).toEqual([expect.stringMatching(/not raised because it holds records/)]);
    const [shrunk] = await open(2).applyTopics(definitions);
    expect(shrunk?.problems).toEqual([expect.stringMatching(/cannot take partitions away/)]);
    expect(broker.partitions('p-texts')).toBe(6);
  });

  it('that differ are reported and left alone', async () => {
    broker.create({
      topic: 'p-model-versions',
      partitions: 1,
      replicationFactor: 1,
      configuration: { 'cleanup.policy': 'delete' },
    });
    const reports = await open().applyTopics(definitions);
    expect(reports.at(-1)?.problems).toEqual(['cleanup.policy is delete, compact declared; left as it is']);
  });

  it('are waited for, and what is missing is said', async () => {
    vi.useFakeTimers();
    const said: string[] = [];
    const waiting = open().waitForTopics(definitions, { onWaiting: (reason) => said.push(reason) });
    await vi.advanceTimersByTimeAsync(2500);
    expect(said).toHaveLength(3);
    expect(said[0]).toMatch(/^topics are missing: p-texts, p-texts-dlq, p-model-versions/);
    await open().applyTopics(definitions);
    await vi.advanceTimersByTimeAsync(1000);
    await waiting;
    vi.useRealTimers();
  });
});

describe('schemas', () => {
  it('are registered under the prefixed subject', async () => {
    const ids = await open().registerSchemas(definitions);
    expect([...ids.keys()]).toEqual(['texts', 'model-versions']);
    expect(await open().registerSchemas(definitions)).toEqual(ids);
  });

  it('that break readers stop the service with the reason', async () => {
    const other = { type: 'record', name: 'Text', namespace: 'io.tidemill', fields: [{ name: 'id', type: 'long' }] };
    await schemas.register('p-texts-value', JSON.stringify(other), 'BACKWARD');
    await expect(open().registerSchemas(definitions)).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      retriable: false,
    });
  });
});

describe('lag', () => {
  it('counts from the oldest record where nothing is committed, and from there when the committed one expired', async () => {
    const admin = open();
    await admin.applyTopics(definitions);
    for (let i = 0; i < 5; i++) broker.append('p-texts', 1, { key: 'k', value: null });
    broker.expire('p-texts', 1, 2n);
    expect((await admin.groupLag('g', 'texts')).total).toBe(3);
    broker.group('p-g').commit({ topic: 'p-texts', partition: 1 }, 4n);
    const lag = await admin.groupLag('g', 'texts');
    expect(lag.total).toBe(1);
    expect(lag.partitions[1]).toEqual({ partition: 1, committed: 4n, end: 5n, lag: 1 });
  });
});
