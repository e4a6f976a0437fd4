import { join } from 'node:path';
import { expect, it } from 'vitest';
import { modelError, startHost } from '#libs/model';
import { loadConfig } from '#libs/platform';
import { temporaryFolder, testText, writeTestBundle } from '../../../libs/model/src/testing/test-bundle.ts';
import { versionEvent } from '../../../libs/model/src/testing/version-event.ts';
import { openMemoryStream } from '../../../libs/stream/src/testing/memory-stream.ts';
import { ModelSlots } from './model-slots.ts';
import { ModelVersionConsumer } from './model-version.consumer.ts';
import { ServingStatusReporter } from './serving-status.reporter.ts';

it('starts with the models that can be loaded, and says which one cannot be fetched', async () => {
  await using folder = await temporaryFolder();
  const { digest, directory } = await writeTestBundle(join(folder.path, 'there'), {});
  const { stream, logger, metrics, clock } = await openMemoryStream();
  const status = new ServingStatusReporter({
    instance: 'one',
    publish: () => Promise.resolve(),
    clock,
    metrics,
    logger,
  });
  let away = true;
  const slots = new ModelSlots({
    startHost,
    config: loadConfig({ env: {} }).config.inference,
    materialise: (wanted) =>
      away && wanted !== digest
        ? Promise.reject(modelError('BUNDLE_UNREADABLE', { detail: 'the registry is away' }))
        : Promise.resolve(wanted === digest ? directory : join(folder.path, 'later')),
    onProgress: (progress) => status.onProgress(progress),
    publishShadows: () => Promise.resolve(),
    logger,
    metrics,
    clock,
  });
  const versions = new ModelVersionConsumer({ stream, slots, logger, metrics, clock });
  const later = await writeTestBundle(join(folder.path, 'later'), { variant: 1 });
  for (const [model, bundleDigest] of [
    ['there', digest],
    ['away', later.digest],
  ] as const)
    await stream
      .producer()
      .send('model-versions', [{ key: model, value: versionEvent({ model, version: 1, bundleDigest }) }]);
  await versions.start();
  const answer = async (model: string) =>
    (await slots.get(model)?.batcher.submit([testText('north', 1)], 'interactive'))?.serving.model;
  expect(await answer('there')).toBe('there');
  expect(status.notServing).toEqual({ away: expect.stringContaining('the registry is away') });
  // Its own texts wait for it.
  const waiting = answer('away');
  away = false;
  expect(await waiting).toBe('away');
  expect(status.notServing).toEqual({});
  await versions.close();
  await slots.close();
  await stream.close();
});
