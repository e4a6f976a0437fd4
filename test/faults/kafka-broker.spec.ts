import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Text } from '#libs/events';
import { ArtifactStore } from '#libs/registry';
import { temporaryFolder, writeTestBundle } from '../../libs/model/src/testing/test-bundle.ts';
import { startAppOn } from '../support/app-process.ts';
import { type KafkaProcess, startKafkaProcess } from '../support/kafka-process.ts';
import { openTestStream, testKafka, type TestStream } from '../support/stream.ts';
import { versionEvent } from '../../libs/model/src/testing/version-event.ts';

const text = (id: string): Text => ({ id, model: 'm', text: id, occurredAt: 1, source: '', attributes: {} });

const patience = { timeout: 30_000, interval: 100 };
let kafka: KafkaProcess;
let test: TestStream;
beforeAll(async () => {
  kafka = await startKafkaProcess(process.env['TIDEMILL_TEST_KAFKA_LIBRARIES'] ?? '');
  const { registryUrl } = testKafka();
  test = await openTestStream({ brokers: kafka.brokers, registryUrl, create: ['texts'] });
});
afterAll(async () => {
  await test.stream.close();
  await kafka[Symbol.asyncDispose]();
});

/** Several callers send side by side while `fault` happens. Returns the ids in the topic, in order, and the acknowledged. */
async function ledger(name: string, fault: () => Promise<void>) {
  const producer = test.stream.producer();
  const acknowledged = new Set<string>();
  const until = new AbortController();
  const caller = async (who: number) => {
    for (let n = 0; !until.signal.aborted || n < 20; n++) {
      const ids = Array.from({ length: 20 }, (_, i) => `${name}-${who}-${n}-${i}`);
      await producer.send(
        'texts',
        ids.map((id) => ({ key: `${who}`, value: text(id) })),
      );
      for (const id of ids) acknowledged.add(id);
    }
  };
  const callers = [0, 1, 2, 3, 4, 5].map(caller);
  await fault();
  until.abort();
  await Promise.all(callers);
  await producer.close();
  const written: string[] = [];
  await test.stream.readToEnd('texts', ({ value }) => {
    if (value?.id.startsWith(name) === true) written.push(value.id);
  });
  return { written, acknowledged };
}

/** 0 lost, 0 doubled, 0 reordered. */
function expectExact({ written, acknowledged }: Awaited<ReturnType<typeof ledger>>): void {
  expect(written.length).toBe(acknowledged.size);
  expect(new Set(written)).toEqual(acknowledged);
  for (let who = 0; who < 6; who++) {
    const own = written.filter((id) => id.split('-')[1] === `${who}`);
    const inOrder = [...acknowledged].filter((id) => id.split('-')[1] === `${who}`);
    expect(own).toEqual(inOrder);
  }
}

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
    kafka.pause();
    const why = expect.stringContaining('topic model-versions could not be read for longer than 2000 ms');
    await expect
      .poll(() => answersOf(url), patience)
      .toMatchObject({ predict: 503, said: why, readyz: 503, reasons: why });
    kafka.resume();
    await expect.poll(() => answersOf(url), patience).toMatchObject(fine);
  }, 90_000);

  it('that is paused: nothing acknowledged is lost or doubled, order kept', async () => {
    const paused = await ledger('paused', async () => {
      kafka.pause();
      await new Promise((resolve) => setTimeout(resolve, 5000));
      kafka.resume();
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
    const result = await ledger('killed', async () => {
      await kafka.kill();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await kafka.start();
    });
    expectExact(result);
    await expect.poll(() => [...result.acknowledged].every((id) => seen.has(id)), { timeout: 20_000 }).toBe(true);
    await expect.poll(async () => (await test.stream.admin.groupLag('g', 'texts')).total, { timeout: 10_000 }).toBe(0);
    await pipeline.close();
    expect(test.fatal).toEqual([]);
  }, 90_000);
});
