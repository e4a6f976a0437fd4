import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KafkaCluster, startKafkaCluster } from '../support/kafka-process.ts';
import { expectExact, ledger } from '../support/ledger.ts';
import { openTestStream, testKafka, type TestStream } from '../support/stream.ts';

let cluster: KafkaCluster;
let test: TestStream;
const seen = new Set<string>();
beforeAll(async () => {
  cluster = await startKafkaCluster({ libraries: process.env['TIDEMILL_TEST_KAFKA_LIBRARIES'] ?? '', count: 3 });
  const { registryUrl } = testKafka();
  test = await openTestStream({ brokers: cluster.brokers, registryUrl, create: ['texts'], replicationFactor: 3 });
  await test.stream.consume({
    groupId: 'g',
    topics: ['texts'],
    handleBatch: async ({ accepted }, control) => {
      await control.fence();
      for (const { value } of accepted) seen.add(value.id);
    },
  });
}, 60_000);
afterAll(async () => {
  await test.stream.close();
  await cluster[Symbol.asyncDispose]();
});

/** Long enough for its partitions to get other leaders, and, after it is back, to be given back. */
const settled = 3000;

/** Nothing acknowledged is lost, doubled or out of order in the topic, and all of it reaches the consumer. */
async function expectExactDuring(name: string, fault: () => Promise<void>): Promise<void> {
  const result = await ledger(test.stream, name, fault);
  expectExact(result);
  await expect.poll(() => [...result.acknowledged].every((id) => seen.has(id)), { timeout: 30_000 }).toBe(true);
  await expect.poll(async () => (await test.stream.admin.groupLag('g', 'texts')).total, { timeout: 20_000 }).toBe(0);
  expect(test.fatal).toEqual([]);
}

describe('of three brokers', () => {
  it.each([0, 1, 2])(
    'broker %i is paused: others lead its partitions, and give them back',
    async (place) => {
      await expectExactDuring(`paused${place}`, async () => {
        cluster.node(place).pause();
        await delay(settled);
        cluster.node(place).resume();
        await delay(settled);
      });
    },
    90_000,
  );

  it('each is killed and started again, one after the other, as when a cluster is upgraded', async () => {
    await expectExactDuring('upgraded', async () => {
      for (const broker of [0, 1, 2].map(cluster.node)) {
        await broker.kill();
        await delay(settled);
        await broker.start();
        await delay(settled);
      }
    });
  }, 120_000);

  it('one is killed: offsets and lag are told all the same', async () => {
    const { admin } = test.stream;
    await cluster.node(1).kill();
    expect(await admin.endOffsets('texts')).not.toHaveLength(0);
    expect((await admin.groupLag('g', 'texts')).total).toBe(0);
    await cluster.node(1).start();
  }, 60_000);

  it('two are killed: nothing is acknowledged that one alone has', async () => {
    await expectExactDuring('alone', async () => {
      await Promise.all([0, 1].map((place) => cluster.node(place).kill()));
      await delay(settled);
      await Promise.all([0, 1].map((place) => cluster.node(place).start()));
    });
  }, 120_000);
});
