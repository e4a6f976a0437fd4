import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Text } from '#libs/events';
import { type MemoryStream, openMemoryStream } from '../../../../libs/stream/src/testing/memory-stream.ts';
import { versionEvent } from '../../../../libs/model/src/testing/version-event.ts';
import { type AuditOptions, runAudit } from './run-audit.ts';

let memory: MemoryStream;
beforeEach(async () => {
  memory = await openMemoryStream();
  const texts = Array.from({ length: 20 }, (_, i): Text => {
    return { id: `t${i}`, model: 'words', text: `${i}`, occurredAt: 1, source: '', attributes: {} };
  });
  const producer = memory.stream.producer();
  await producer.send(
    'texts',
    texts.map((value) => ({ key: value.id, value })),
  );
});
afterEach(() => memory.stream.close());

const run = (options: Partial<AuditOptions> = {}) =>
  runAudit(memory.stream, {
    scope: {},
    select: undefined,
    maximumStaleness: 1000,
    wait: 1,
    onFinding: () => undefined,
    onProgress: () => undefined,
    ...options,
  });

it('tells what is in flight when the wait is over', async () => {
  expect(await run()).toMatchObject({ unsettled: '20 texts to be answered', report: { texts: 20, inFlight: 20 } });
  expect(await run({ wait: 0 })).toMatchObject({ unsettled: undefined });
  const consumer = await memory.stream.consume({
    groupId: 'inference',
    topics: ['texts'],
    handleBatch: async () => undefined,
  });
  expect(await run({ wait: 10_000 })).toMatchObject({ unsettled: undefined, report: { findings: { missing: 20 } } });
  await consumer.close();
});

it('counts predictions that cannot be read', async () => {
  await memory.stream.producer().sendRaw('predictions', [{ key: 'a', value: Buffer.from('junk') }]);
  expect(await run()).toMatchObject({ report: { unreadablePredictions: 1, predictions: {} } });
});

it('is used wrongly with a partition or a model that there is not', async () => {
  await expect(run({ scope: { partition: 99 } })).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining('no partition 99'),
  });
  await expect(run({ scope: { model: 'wrods' } })).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining('a model wrods'),
  });
  expect(await run({ scope: { model: 'words' } })).toMatchObject({ report: { texts: 20 } });
  const value = versionEvent({ model: 'quiet', version: 1, bundleDigest: 'x' });
  await memory.stream.producer().send('model-versions', [{ key: 'quiet', value }]);
  expect(await run({ scope: { model: 'quiet' } })).toMatchObject({ report: { texts: 0 } });
});
