import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ServingStatus } from '#libs/events';
import { ArtifactStore } from '#libs/registry';
import { temporaryFolder, writeTestBundle } from '../../libs/model/src/testing/test-bundle.ts';
import { startAppOn } from '../support/app-process.ts';
import { openTestStream } from '../support/stream.ts';
import { versionEvent } from '../../libs/model/src/testing/version-event.ts';

const model = 'reviews';

it('loads the newest of a storm of 1,000 version events, and not those before', async () => {
  await using folder = await temporaryFolder();
  await using test = await openTestStream();
  const { stream } = test;
  const store = new ArtifactStore(join(folder.path, 'artifacts'));
  const digests: string[] = [];
  for (const variant of [0, 1]) {
    const { directory, digest } = await writeTestBundle(join(folder.path, `v${variant}`), { model, variant });
    await store.addBundle(directory, digest);
    digests.push(digest);
  }
  const promotion = (epoch: number) => {
    const bundleDigest = digests[epoch % 2] ?? '';
    return { key: model, value: versionEvent({ model, version: epoch, bundleDigest }) };
  };
  const producer = stream.producer();
  await producer.send('model-versions', [promotion(1)]);
  await using inference = startAppOn(test, 'inference', {
    TIDEMILL__DATADIRECTORY: folder.path,
    TIDEMILL__INFERENCE__INSTANCE: 'one',
  });
  const statuses = async () => {
    const found: ServingStatus[] = [];
    await stream.readToEnd('serving-status', ({ value }) => void (value !== null && found.push(value)));
    return found;
  };
  const serving = async () => (await statuses()).flatMap(({ state, epoch }) => (state === 'serving' ? [epoch] : []));
  const patience = { timeout: 30_000, interval: 200 };
  await inference.url;
  await expect.poll(serving, patience).toContain(1);
  const storm = Array.from({ length: 1000 }, (_, i) => promotion(i + 2));
  await producer.send('model-versions', storm);
  await expect.poll(serving, patience).toContain(1001);
  // They come in a few fetches: the first of each may have begun when the next ones arrive.
  const begun = new Set((await statuses()).map(({ epoch }) => epoch));
  expect(begun.size).toBeLessThan(10);
  expect((await serving()).length).toBeLessThanOrEqual(3);
});
