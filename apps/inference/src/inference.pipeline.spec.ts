import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelVersion, Prediction, ServingStatus, Text } from '#libs/events';
import { type Bundle, readBundle, startHost } from '#libs/model';
import { loadConfig } from '#libs/platform';
import { versionSigning, VersionSigner } from '#libs/registry';
import { type Pipeline, streamError } from '#libs/stream';
import { temporaryFolder, testText, writeTestBundle } from '../../../libs/model/src/testing/test-bundle.ts';
import { partitionOf } from '../../../libs/stream/src/partitioner.ts';
import { type MemoryStream, openMemoryStream } from '../../../libs/stream/src/testing/memory-stream.ts';
import { InferencePipeline } from './inference.pipeline.ts';
import { ModelSlots } from './model-slots.ts';
import { ModelVersionConsumer } from './model-version.consumer.ts';
import { ServingStatusReporter } from './serving-status.reporter.ts';
import { versionEvent } from '../../../libs/model/src/testing/version-event.ts';

const { config } = loadConfig({ env: {} });
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let memory: MemoryStream;
let bundles: Bundle[];
let slots: ModelSlots;
let versions: ModelVersionConsumer;
let status: ServingStatusReporter;
let pipeline: Pipeline | undefined;

beforeEach(async () => {
  folder = await temporaryFolder();
  memory = await openMemoryStream();
  bundles = [];
  for (const variant of [0, 1]) bundles.push(await writeTestBundle(join(folder.path, `v${variant}`), { variant }));
  const { clock, logger, metrics } = memory;
  const producer = memory.stream.producer();
  status = new ServingStatusReporter({
    instance: 'one',
    publish: async (value) => void (await producer.send('serving-status', [{ key: `one/${value.model}`, value }])),
    clock,
    metrics,
    logger,
  });
  const directories = new Map(bundles.map(({ digest, directory }) => [digest, directory]));
  slots = new ModelSlots({
    startHost,
    config: config.inference,
    materialise: (digest) => Promise.resolve(directories.get(digest) ?? ''),
    onProgress: (progress) => status.onProgress(progress),
    publishShadows: () => Promise.reject(new Error('there are no challengers')),
    logger,
    metrics,
    clock,
  });
  versions = new ModelVersionConsumer({ stream: memory.stream, slots, logger, metrics, clock });
});

afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
  await versions.close();
  await slots.close();
  await memory.stream.close();
  await folder[Symbol.asyncDispose]();
});

async function start(): Promise<void> {
  await versions.start();
  const { stream, clock, metrics } = memory;
  const parts = {
    stream,
    producer: stream.producer(),
    slots,
    versions,
    status,
    config,
    clock,
    metrics,
  };
  pipeline = await new InferencePipeline(parts).start();
}

async function promote(version: number, model = 'test'): Promise<void> {
  const bundleDigest = bundles[version - 1]?.digest ?? '';
  const value = versionEvent({ model, version, bundleDigest });
  await memory.stream.producer().send('model-versions', [{ key: model, value }]);
}

async function produce(from: number, until: number, change: Partial<Text> = {}): Promise<void> {
  const records = Array.from({ length: until - from }, (_, i) => {
    const id = `t${from + i}`;
    const text = testText(i % 2 === 0 ? 'north' : 'south', from + i);
    const value: Text = { id, model: 'test', text, occurredAt: from + i, source: '', attributes: {}, ...change };
    return { key: id, value };
  });
  await memory.stream.producer().send('texts', records);
}

async function predictions(count: number): Promise<Prediction[]> {
  const seen: Prediction[] = [];
  const done = Promise.withResolvers<void>();
  const reader = await memory.stream.readToEnd(
    'predictions',
    ({ value }) => {
      if (value !== null) seen.push(value);
      if (seen.length >= count) done.resolve();
    },
    { follow: true },
  );
  await done.promise;
  await reader.close();
  return seen;
}

describe('the inference pipeline', () => {
  it('answers every text once, in order per partition, by the version that serves', async () => {
    await promote(1);
    await start();
    await produce(0, 3000);
    const answers = await predictions(3000);
    expect(new Set(answers.map(({ textId }) => textId)).size).toBe(3000);
    for (const own of Map.groupBy(answers, ({ inputPartition }) => inputPartition).values()) {
      const offsets = own.map(({ inputOffset }) => inputOffset);
      expect(offsets).toStrictEqual(offsets.toSorted((a, b) => a - b));
    }
    const [first] = answers;
    expect(first).toMatchObject({ version: 1, epoch: 1, bundleDigest: bundles[0]?.digest, role: 'champion' });
    const right = answers.filter(
      ({ textId, label }) => (Number(textId.slice(1)) % 2 === 0 ? 'north' : 'south') === label,
    );
    expect(right).toHaveLength(3000);
  });

  it('swaps between batches and records where each partition was taken over', async () => {
    await promote(1);
    await start();
    await produce(0, 500);
    await predictions(500);
    await promote(2);
    await versions.caughtUp();
    await slots.settled();
    await produce(500, 1000);
    const answers = await predictions(1000);
    await status.flushed();
    const second = answers.filter(({ epoch }) => epoch === 2);
    expect(second.map(({ textId }) => Number(textId.slice(1))).every((id) => id >= 500)).toBe(true);
    expect(second).toHaveLength(500);
    const statuses: ServingStatus[] = [];
    await memory.stream.readToEnd('serving-status', ({ value }) => void (value !== null && statuses.push(value)));
    const told = statuses.findLast(({ epoch }) => epoch === 2);
    const firsts = Map.groupBy(second, ({ inputPartition }) => inputPartition);
    expect(told?.state).toBe('serving');
    const expected = [...firsts]
      .map(([partition, own]) => ({ partition, offset: Math.min(...own.map(({ inputOffset }) => inputOffset)) }))
      .toSorted((a, b) => a.partition - b.partition);
    expect(told?.firstOffsets).toEqual(expected);
    await produce(1000, 1500);
    await predictions(1500);
    await status.flushed();
    expect(status.statuses).toMatchObject([{ epoch: 2, state: 'serving', firstOffsets: expected }]);
  });

  it('goes on telling what serves, and its first offsets, when the next version fails', async () => {
    await promote(1);
    await start();
    const value = versionEvent({ model: 'test', version: 9, bundleDigest: '0'.repeat(64) });
    await memory.stream.producer().send('model-versions', [{ key: 'test', value }]);
    await versions.caughtUp();
    await slots.settled();
    await produce(0, 500);
    const answers = await predictions(500);
    await status.flushed();
    expect(status.devices).toStrictEqual({ test: 'cpu' });
    const [serving, failed] = status.statuses;
    expect([serving, failed]).toMatchObject([
      { epoch: 1, state: 'serving' },
      { epoch: 9, state: 'failed' },
    ]);
    expect(serving?.firstOffsets.map(({ partition }) => partition)).toStrictEqual(
      [...new Set(answers.map(({ inputPartition }) => inputPartition))].toSorted((a, b) => a - b),
    );
  });

  it('refuses a second bundle under the same epoch, and raises the alarm', async () => {
    await promote(1);
    const [, other] = bundles;
    const value = versionEvent({ model: 'test', version: 1, bundleDigest: other?.digest ?? '' });
    await memory.stream.producer().send('model-versions', [{ key: 'test', value }]);
    await start();
    expect(slots.get('test')?.slot.serving?.bundleDigest).toBe(bundles[0]?.digest);
    expect(await memory.metrics.render()).toContain('tidemill_version_events_refused_total 1');
  });

  it('follows only signed events once a key is set, and tells of those it refuses', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const { stream, logger, metrics, clock } = memory;
    const { verifier } = versionSigning({ privateKey: '', publicKeys: [publicKey] });
    versions = new ModelVersionConsumer({ stream, slots, verifier, logger, metrics, clock });
    const signer = new VersionSigner(privateKey);
    const [first, second] = bundles;
    const signed = (version: number, bundleDigest = '') =>
      signer.sign(versionEvent({ model: 'test', version, bundleDigest }));
    const good = signed(2, first?.digest);
    const events: [string, ModelVersion][] = [
      ['test', good],
      ['test', { ...signed(3, first?.digest), bundleDigest: second?.digest ?? '' }],
      ['test', { ...signed(4, second?.digest), signature: null, revision: 0, challengers: [] }],
      ['test', signed(1, second?.digest)],
      ['other', signed(5, second?.digest)],
      ['test', good],
    ];
    for (const [key, value] of events) await stream.producer().send('model-versions', [{ key, value }]);
    await start();
    expect(slots.get('test')?.slot.serving).toMatchObject({ epoch: 2, bundleDigest: first?.digest });
    expect(slots.names()).toStrictEqual(['test']);
    expect(await metrics.render()).toContain('tidemill_version_events_refused_total 4');
    expect(versions.refused).toMatchObject({ epoch: 5, reason: 'it lies under the key of another model' });
  });

  it('keeps the order of a partition whose texts are of several models', async () => {
    await promote(1);
    await promote(1, 'other');
    await start();
    const ids = Array.from({ length: 40 }, (_, i) => `t${i}`);
    await memory.stream.producer().send(
      'texts',
      ids.map((id, i) => {
        const model = i % 2 === 0 ? 'test' : 'other';
        const value: Text = { id, model, text: testText('north', i), occurredAt: i, source: '', attributes: {} };
        return { key: id, value, partition: 0 };
      }),
    );
    // By the time they were written: one key would lie in one partition of the answers.
    const answers = await predictions(40);
    for (const own of Map.groupBy(answers, ({ textId }) => partitionOf(textId, 4)).values())
      expect(own.map(({ inputOffset }) => inputOffset)).toStrictEqual(
        own.map(({ inputOffset }) => inputOffset).toSorted((a, b) => a - b),
      );
  });

  it('waits for a version event that is on its way, and rejects texts of a model nobody has promoted', async () => {
    await promote(1);
    await start();
    await produce(0, 1, { model: 'nobody' });
    await promote(1, 'later');
    await produce(1, 2, { model: 'later' });
    const answers = await predictions(1);
    expect(answers[0]).toMatchObject({ model: 'later', textId: 't1' });
    const dead = await memory.stream.deadLetters.list('texts');
    expect(dead).toMatchObject([{ error: 'unknown-model', reason: expect.stringContaining('"nobody"') }]);
    // Whatever name a sender makes up would be a time series for ever.
    expect(await memory.metrics.render()).not.toContain('nobody');
  });

  it('answers nothing of a batch that may not be committed, for it will come again', async () => {
    await promote(1);
    await start();
    await pipeline?.close();
    const { stream, clock, metrics } = memory;
    const parts = {
      stream,
      producer: stream.producer(),
      slots,
      versions,
      status,
      config,
      clock,
      metrics,
    };
    await produce(0, 8);
    await produce(8, 9, { model: 'nobody' });
    const refused: string[] = [];
    pipeline = await stream.consume({
      groupId: 'refused',
      topics: ['texts'],
      handleBatch: (batch, control) =>
        new InferencePipeline(parts).handle(batch, control, (rejects) => {
          refused.push(...rejects.map(({ message }) => message.value.id));
          throw streamError('DEAD_LETTER_LIMIT');
        }),
    });
    await expect.poll(() => refused).toContain('t8');
    await pipeline.close();
    expect((await stream.admin.endOffsets('predictions')).map(({ high }) => high)).toEqual([0n, 0n, 0n, 0n]);
  });

  it('gives the same bytes for a text that is delivered again', async () => {
    await promote(1);
    await start();
    await produce(0, 50);
    await produce(0, 50);
    const answers = await predictions(100);
    const bytes = Map.groupBy(answers, ({ textId }) => textId);
    for (const own of bytes.values()) {
      expect(own[0]?.probabilities).toStrictEqual(own[1]?.probabilities);
      expect(own[0]?.label).toBe(own[1]?.label);
    }
    expect((await readBundle(bundles[0]?.directory ?? '')).digest).toBe(answers[0]?.bundleDigest);
  });
});
