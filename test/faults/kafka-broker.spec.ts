import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArtifactStore } from '#libs/registry';
import { temporaryFolder, writeTestBundle } from '../../libs/model/src/testing/test-bundle.ts';
import { startAppOn } from '../support/app-process.ts';
import { type KafkaCluster, startKafkaCluster } from '../support/kafka-process.ts';
import { expectExact, ledger } from '../support/ledger.ts';
import { openTestStream, testKafka, type TestStream } from '../support/stream.ts';
import { versionEvent } from '../../libs/model/src/testing/version-event.ts';

const patience = { timeout: 30_000, interval: 100 };
let kafka: KafkaCluster;
let test: TestStream;
beforeAll(async () => {
  kafka = await startKafkaCluster({ libraries: process.env['TIDEMILL_TEST_KAFKA_LIBRARIES'] ?? '' });
  const { registryUrl } = testKafka();
  test = await openTestStream({ brokers: kafka.brokers, registryUrl, create: ['texts'] });
});
afterAll(async () => {
  await test.stream.close();
  await kafka[Symbol.asyncDispose]();
});

async function answersOf(url: string) {
  const body = JSON.stringify({ texts: ['one'] });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/v1/models/test/predict`, { method: 'POST', headers, body });
  const ready = await fetch(`${url}/readyz`);
  return { predict: answer.status, said: await answer.text(), readyz: ready.status, reasons: await ready.text() };
}

describe('a broker', () => {
  it('that is paused for longer than a version may be outdated: requests are refused until it is back', async () => {
    await using folder = await temporaryFolder();
    const { registryUrl } = testKafka();
    await using own = await openTestStream({ brokers: kafka.brokers, registryUrl });
    const bundle = await writeTestBundle(join(folder.path, 'bundle'));
    await new ArtifactStore(join(folder.path, 'artifacts')).addBundle(bundle.directory, bundle.digest);
    const value = versionEvent({ model: 'test', version: 1, bundleDigest: bundle.digest });
    await own.stream.producer().send('model-versions', [{ key: 'test', value }]);
    await using inference = startAppOn(own, 'inference', {
      TIDEMILL__DATADIRECTORY: folder.path,
      TIDEMILL__INFERENCE__INSTANCE: 'one',
      TIDEMILL__INFERENCE__MAXIMUMSTALENESS: '2s',
    });
    const url = await inference.url;
    const fine = { predict: 200, readyz: 200 };
    await expect.poll(() => answersOf(url), patience).toMatchObject(fine);
    kafka.node(0).pause();
    const why = expect.stringContaining('topic model-versions could not be read for longer than 2000 ms');
    await expect
      .poll(() => answersOf(url), patience)
      .toMatchObject({ predict: 503, said: why, readyz: 503, reasons: why });
    kafka.node(0).resume();
    await expect.poll(() => answersOf(url), patience).toMatchObject(fine);
  }, 90_000);

  it('that is paused: nothing acknowledged is lost or doubled, order kept', async () => {
    const paused = await ledger(test.stream, 'paused', async () => {
      kafka.node(0).pause();
      await new Promise((resolve) => setTimeout(resolve, 5000));
      kafka.node(0).resume();
    });
    expectExact(paused);
    expect(paused.acknowledged.size).toBeGreaterThan(2000);
  });

  it('that is killed and started again: the same, and consumers come back by themselves', async () => {
    const seen = new Set<string>();
    const pipeline = await test.stream.consume({
      groupId: 'g',
      topics: ['texts'],
      handleBatch: async ({ accepted }, control) => {
        await control.fence();
        for (const { value } of accepted) seen.add(value.id);
      },
    });
    const result = await ledger(test.stream, 'killed', async () => {
      await kafka.node(0).kill();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await kafka.node(0).start();
    });
    expectExact(result);
    await expect.poll(() => [...result.acknowledged].every((id) => seen.has(id)), { timeout: 20_000 }).toBe(true);
    await expect.poll(async () => (await test.stream.admin.groupLag('g', 'texts')).total, { timeout: 10_000 }).toBe(0);
    await pipeline.close();
    expect(test.fatal).toEqual([]);
  }, 90_000);
});
