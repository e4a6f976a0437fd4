import kafkajs from 'kafkajs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { newId, silentLogger, systemClock } from '#libs/platform';
import { KafkaAdmin } from '../../libs/stream/src/backend/kafkajs/admin.ts';
import { KafkaBackend } from '../../libs/stream/src/backend/kafkajs/backend.ts';
import { readLog } from '../../libs/stream/src/read/read-log.ts';
import { testKafka } from '../support/stream.ts';

let backend: KafkaBackend;
let client: kafkajs.Kafka;
let topic: string;
beforeAll(() => {
  const { brokers } = testKafka();
  backend = new KafkaBackend({ brokers, clientId: 'test', logger: silentLogger, clock: systemClock });
  client = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 30 } });
});
afterAll(() => backend.close());
beforeEach(async () => {
  topic = `log-${newId()}`;
  const compacting = { 'cleanup.policy': 'compact', 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0.01' };
  await backend.admin.createTopics([{ topic, partitions: 2, replicationFactor: 1, configuration: compacting }]);
});

async function send(records: [key: string, value: string | null][]): Promise<void> {
  const producer = await backend.openProducer();
  const messages = records.map(([key, value]) => ({ key, value: value === null ? null : Buffer.from(value) }));
  await producer.send([{ topic, messages }]);
  await producer.close();
}

async function transaction(end: 'commit' | 'abort'): Promise<void> {
  const producer = client.producer({ transactionalId: newId(), idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const open = await producer.transaction();
  await open.send({ topic, messages: [{ key: 'a', value: end }] });
  await open[end]();
  await producer.disconnect();
  // The marker is written after the answer; until then the topic ends before the transaction.
  await vi.waitFor(
    async () => {
      const ends = await backend.admin.offsets(topic);
      expect(ends.reduce((sum, { high }) => sum + high, 0n)).toBe(2n);
    },
    { timeout: 10_000 },
  );
}

async function read(): Promise<(string | null)[]> {
  const values: (string | null)[] = [];
  await readLog(backend, topic, { onMessage: ({ value }) => void values.push(value?.toString() ?? null) });
  return values;
}

describe('reading to the end', () => {
  it('of an empty topic', async () => {
    expect(await read()).toEqual([]);
  });

  it('of tombstones only', async () => {
    await send([
      ['a', null],
      ['b', null],
    ]);
    expect(await read()).toEqual([null, null]);
  });

  it('of a topic that ends in a commit marker', async () => {
    await transaction('commit');
    expect(await read()).toEqual(['commit']);
  });

  it('of aborted transactions only', async () => {
    await transaction('abort');
    expect(await read()).toEqual([]);
  });

  it('after the oldest records were deleted', async () => {
    await send([
      ['a', '1'],
      ['a', '2'],
      ['a', '3'],
    ]);
    const admin = client.admin();
    await admin.connect();
    const ends = await backend.admin.offsets(topic);
    const holding = ends.find(({ high }) => high > 0n)?.partition ?? 0;
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: 'cleanup.policy', value: 'delete' }],
        },
      ],
    });
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: holding, offset: '2' }] });
    await admin.disconnect();
    expect(await read()).toEqual(['3']);
  });

  it('of many records in several partitions, each in order', async () => {
    const records = Array.from({ length: 5000 }, (_, i): [string, string] => [`${i % 17}`, `${i}`]);
    await send(records);
    const values = (await read()).map(Number);
    expect(values.toSorted((a, b) => a - b)).toEqual(records.map((_, i) => i));
    for (let key = 0; key < 17; key++) {
      const own = values.filter((value) => value % 17 === key);
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    }
  });

  it('is asked again where that is while a partition changes its leader', async () => {
    const admin = client.admin();
    const ask = admin.fetchTopicOffsets.bind(admin);
    let refusals = 2;
    const notLeader = Object.assign(new Error('not the leader'), { retriable: true, type: 'NOT_LEADER_FOR_PARTITION' });
    admin.fetchTopicOffsets = (name) =>
      refusals-- > 0 ? Promise.reject(new kafkajs.KafkaJSProtocolError(notLeader)) : ask(name);
    client.admin = () => admin;
    const ours = new KafkaAdmin(client);
    expect(await ours.offsets(topic)).toHaveLength(2);
    await ours.close();
  });
});
