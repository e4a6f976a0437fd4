import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { createLogger, newId, systemClock } from '#libs/platform';
import type { SubscribeOptions } from '../../libs/stream/src/backend/backend.ts';
import { KafkaBackend } from '../../libs/stream/src/backend/kafkajs/backend.ts';
import { backendContract } from '../../libs/stream/src/testing/backend-contract.ts';
import { openTestStream, testKafka } from '../support/stream.ts';

const settings = {
  clientId: 'contract',
  logger: createLogger('contract', 'silent'),
  clock: systemClock,
  sessionTimeout: 6000,
  heartbeatInterval: 500,
};

backendContract('kafkajs on Kafka', () => new KafkaBackend({ ...settings, brokers: testKafka().brokers }));

describe('a consumer that is closed before it has joined', () => {
  const never = new Promise<void>(() => undefined);
  const subscribe = (backend: KafkaBackend, topic: string, options: Partial<SubscribeOptions> = {}) =>
    backend.subscribe({
      groupId: `${topic}-group`,
      topics: [topic],
      concurrency: 1,
      bytesPerPartition: 1_048_576,
      handle: () => never,
      onFatal: () => undefined,
      ...options,
    });

  const failureOf = (subscribing: Promise<unknown>) => subscribing.catch((error: unknown) => error);

  it('ends when Kafka is not there', async () => {
    const backend = new KafkaBackend({ ...settings, brokers: ['127.0.0.1:1'] });
    const subscribing = failureOf(subscribe(backend, 'nothing'));
    await backend.close();
    expect(await subscribing).toMatchObject({ code: 'CONSUMER_CLOSED' });
  });

  it('ends while another member holds the rebalance up, and does not join later', async () => {
    const { brokers } = testKafka();
    // The one lets go of its batch, and of the rebalance, long after the other has given up.
    const holding = new KafkaBackend({ ...settings, brokers, drainTimeout: 3000 });
    const late = new KafkaBackend({ ...settings, brokers, drainTimeout: 500, sessionTimeout: 2000 });
    const topic = `held-${newId()}`;
    await holding.admin.createTopics([{ topic, partitions: 1, replicationFactor: 1, configuration: {} }]);
    const producer = await holding.openProducer();
    await producer.send([{ topic, messages: [{ key: null, value: Buffer.from('text'), partition: 0 }] }]);
    const held = Promise.withResolvers<void>();
    const handle = () => (held.resolve(), never);
    await subscribe(holding, topic, { handle });
    await held.promise;

    const groups = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
    await groups.connect();
    const group = async () => (await groups.describeGroups([`${topic}-group`])).groups[0];
    const assigned: unknown[] = [];
    const onAssigned = (partitions: unknown) => void assigned.push(partitions);
    const subscribing = failureOf(subscribe(late, topic, { onAssigned }));
    await expect.poll(async () => (await group())?.state).toBe('PreparingRebalance');
    await late.close();
    expect(await subscribing).toMatchObject({ code: 'CONSUMER_CLOSED' });
    await holding.close();
    await expect.poll(async () => (await group())?.state, { timeout: 15_000 }).toBe('Empty');
    expect(assigned).toEqual([]);
    await groups.disconnect();
  }, 40_000);
});

it('topics that several services make at the same moment are there when that is told', async () => {
  const streams = await Promise.all(Array.from({ length: 6 }, () => openTestStream()));
  for (const { stream } of streams) {
    expect(await stream.admin.endOffsets('texts')).not.toHaveLength(0);
    await stream.close();
  }
});

it('offsets are told of topics whose partitions have only just been made', async () => {
  const backend = new KafkaBackend({ ...settings, brokers: testKafka().brokers });
  for (let made = 0; made < 8; made++) {
    const topic = `fresh-${newId()}`;
    await backend.admin.createTopics([{ topic, partitions: 30, replicationFactor: 1, configuration: {} }]);
    expect(await backend.admin.offsetsAt(topic, 1000)).toEqual(
      new Map(Array.from({ length: 30 }, (_, partition) => [partition, 0n])),
    );
  }
  await backend.close();
}, 30_000);
