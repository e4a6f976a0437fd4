import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Prediction, Text } from '#libs/events';
import { type Bundle, startHost, writeBundle } from '#libs/model';
import { type Configuration, loadConfig } from '#libs/platform';
import { answeredByCanary } from '#libs/registry';
import type { Pipeline } from '#libs/stream';
import { scoreTexts, writeOnnx } from '#libs/classifier';
import { hashing } from '../../../../libs/classifier/src/features.ts';
import {
  temporaryFolder,
  testText,
  trainTestClassifier,
  writeTestBundle,
} from '../../../../libs/model/src/testing/test-bundle.ts';
import { type MemoryStream, openMemoryStream } from '../../../../libs/stream/src/testing/memory-stream.ts';
import { InferencePipeline } from '../inference.pipeline.ts';
import { ModelSlots } from '../model-slots.ts';
import { ModelVersionConsumer } from '../model-version.consumer.ts';
import { ServingStatusReporter } from '../serving-status.reporter.ts';
import { versionEvent } from '../../../../libs/model/src/testing/version-event.ts';

const { config: defaults } = loadConfig({ env: {} });
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let memory: MemoryStream;
let bundles: Bundle[];
let slots: ModelSlots;
let versions: ModelVersionConsumer;
let status: ServingStatusReporter;
let pipeline: Pipeline;
/** Milliseconds that the clock is put forward. */
let later = 0;
/** Times each bundle was fetched, which is how often it was loaded. */
let loads: Map<string, number>;

beforeEach(async () => {
  folder = await temporaryFolder();
  later = 0;
  memory = await openMemoryStream({}, { clock: { now: () => Math.floor(performance.now()) + later } });
  loads = new Map();
  bundles = [];
  for (const variant of [0, 1, 2]) bundles.push(await writeTestBundle(join(folder.path, `v${variant}`), { variant }));
});

afterEach(async () => {
  await pipeline.close();
  await versions.close();
  await slots.close();
  await memory.stream.close();
  await folder[Symbol.asyncDispose]();
});

async function start(change: Partial<Configuration['inference']> = {}): Promise<void> {
  const { stream, clock, logger, metrics } = memory;
  const config = { ...defaults, inference: { ...defaults.inference, ...change } };
  const producer = stream.producer();
  const directories = new Map(bundles.map(({ digest, directory }) => [digest, directory]));
  status = new ServingStatusReporter({ instance: 'one', publish: () => Promise.resolve(), clock, metrics, logger });
  slots = new ModelSlots({
    startHost,
    config: config.inference,
    materialise(digest) {
      loads.set(digest, (loads.get(digest) ?? 0) + 1);
      const directory = directories.get(digest);
      return directory === undefined ? Promise.reject(new Error('no such bundle')) : Promise.resolve(directory);
    },
    onProgress: (progress) => status.onProgress(progress),
    publishShadows: async (predictions) => {
      await stream.producer().send(
        'predictions',
        predictions.map((value) => ({ key: value.textId, value })),
      );
    },
    logger,
    metrics,
    clock,
  });
  versions = new ModelVersionConsumer({ stream, slots, logger, metrics, clock });
  await versions.start();
  const parts = {
    stream,
    producer,
    slots,
    versions,
    status,
    config,
    clock,
    metrics,
  };
  pipeline = await new InferencePipeline(parts).start();
}

const digestOf = (version: number) => bundles[version - 1]?.digest ?? 'f'.repeat(64);

type Told = [version: number, role: string, share: number];

function event(revision: number, challengers: Told[], { champion = 1, epoch = 7 } = {}) {
  const told = challengers.map(([version, role, share]) => ({ version, bundleDigest: digestOf(version), role, share }));
  const what = { model: 'test', version: champion, epoch, bundleDigest: digestOf(champion) };
  return { key: 'test', value: versionEvent({ ...what, revision, challengers: told }) };
}

async function tell(...what: Parameters<typeof event>): Promise<void> {
  await memory.stream.producer().send('model-versions', [event(...what)]);
  await versions.caughtUp();
  await slots.settled();
}

const unanswerable = 'qqq';

/** A version that has no answer for one text: its logits are infinite. */
async function addUnanswering(): Promise<void> {
  const classifier = trainTestClassifier();
  const { labels, maximumCharacters, temperature } = classifier;
  const { start, multiplier, modulus } = hashing;
  const bucket = (((start + unanswerable.charCodeAt(0)) * multiplier) % modulus) + 1;
  const weights = classifier.weights.map((_, at) => (at === bucket * labels.length ? 32_767 : 0));
  const golden = ordinaryText(0);
  const [probabilities = []] = scoreTexts({ ...classifier, weights }, [golden]);
  const manifest = {
    model: 'test',
    labels,
    input: { kind: 'utf16' as const, maximumCharacters },
    goldenTexts: [{ text: golden, probabilities: [...probabilities] }],
    temperature,
    trainer: 'test',
  };
  const graph = writeOnnx({ ...classifier, weights, scale: 1e38 });
  bundles.push(await writeBundle(join(folder.path, 'unanswering'), manifest, { 'model.onnx': graph }));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}
const inState = (state: string) => until(() => slots.challengers.every((one) => one.state === state));

const ordinaryText = (i: number) => testText(i % 2 === 0 ? 'north' : 'south', i);

async function produce(count: number, textOf = ordinaryText): Promise<void> {
  const records = Array.from({ length: count }, (_, i) => {
    const text = textOf(i);
    const value: Text = { id: `t${i}`, model: 'test', text, occurredAt: i, source: '', attributes: {} };
    return { key: value.id, value };
  });
  await memory.stream.producer().send('texts', records);
}

/** Predictions, once there are so many of roles that count. */
async function predictions(count: number, counts: (role: string) => boolean = () => true): Promise<Prediction[]> {
  const seen: Prediction[] = [];
  const done = Promise.withResolvers<void>();
  const reader = await memory.stream.readToEnd(
    'predictions',
    ({ value }) => {
      if (value !== null) seen.push(value);
      if (seen.filter(({ role }) => counts(role)).length >= count) done.resolve();
    },
    { follow: true },
  );
  await done.promise;
  await reader.close();
  return seen;
}
const served = (role: string) => role !== 'shadow';
const metric = async (name: string) =>
  [...(await memory.metrics.render()).matchAll(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
const textsOf = (answers: readonly Prediction[], role: string, version: number) =>
  answers.filter((one) => one.role === role && one.version === version).map(({ textId }) => textId);

describe('a canary', () => {
  it('answers its share by hash of the text; what one answers the other scores, so that all can be compared', async () => {
    await start();
    await tell(2, [[2, 'canary', 0.3]]);
    await inState('answering');
    await produce(1000);
    const answers = await predictions(2000);
    const expected = Array.from({ length: 1000 }, (_, i) => `t${i}`).filter((id) => answeredByCanary('test', id, 0.3));
    const canary = textsOf(answers, 'canary', 2);
    expect(new Set(canary)).toEqual(new Set(expected));
    expect(textsOf(answers, 'champion', 1)).toHaveLength(1000 - expected.length);
    expect(textsOf(answers, 'shadow', 1).toSorted()).toEqual(canary.toSorted());
    expect(textsOf(answers, 'shadow', 2).toSorted()).toEqual(textsOf(answers, 'champion', 1).toSorted());
    expect(new Set(answers.map(({ epoch }) => epoch))).toEqual(new Set([7]));
    expect(answers.find(({ version }) => version === 2)).toMatchObject({ bundleDigest: digestOf(2) });
  });

  it('that does not answer in time is passed over: the champion answers its texts', async () => {
    await start({ canaryTimeout: '100ms' });
    await tell(2, [[2, 'canary', 0.5]]);
    await inState('answering');
    const [{ hostPid } = {}] = slots.challengers;
    process.kill(hostPid ?? 0, 'SIGSTOP');
    await produce(400);
    const answers = await predictions(400, served);
    expect(new Set(textsOf(answers, 'champion', 1)).size).toBe(400);
    expect(await metric('tidemill_canary_fallbacks_total')).toBeGreaterThan(100);
    expect(slots.challengers).toMatchObject([{ state: 'failed', error: expect.stringMatching(/time/i) }]);
  });

  it('that fails time and again is given up, and gets a new chance with the next decision about it', async () => {
    await start({ canaryTimeout: '50ms' });
    await tell(2, [[2, 'canary', 0.5]]);
    await inState('answering');
    process.kill(slots.challengers[0]?.hostPid ?? 0, 'SIGSTOP');
    for (const time of [1, 2, 3]) {
      await produce(10);
      await predictions(10 * time, served);
      await inState('failed');
      // It is asked again after a while, until it has failed three times.
      later += 20_000;
      if (time < 3) await inState('answering');
    }
    await inState('failed');
    await tell(3, [
      [2, 'canary', 0.5],
      [3, 'shadow', 0],
    ]);
    await until(() => slots.challengers.find(({ role }) => role === 'shadow')?.state === 'answering');
    expect(slots.challengers).toMatchObject([{ role: 'canary', state: 'failed' }, {}]);
    await tell(4, [[2, 'canary', 0.4]]);
    await inState('answering');
    await produce(100);
    expect((await predictions(130, served)).filter(({ role }) => role === 'canary').length).toBeGreaterThan(0);
  });

  it.each([0.5, 0.000_001])(
    'that has no answer for a text that the champion answered is given up, with share %s',
    async (share) => {
      await addUnanswering();
      await start();
      await tell(2, [[4, 'canary', share]]);
      await inState('answering');
      await produce(200);
      await predictions(400);
      expect(slots.challengers).toMatchObject([{ state: 'answering' }]);
      await produce(1, () => unanswerable);
      await inState('failed');
      expect(slots.challengers).toMatchObject([
        { error: expect.stringContaining('no answer for a text that another version answered: ') },
      ]);
      const answers = await predictions(201, served);
      expect(textsOf(answers, 'canary', 4).length > 0).toBe(share === 0.5);
      expect(await memory.stream.deadLetters.list('texts')).toEqual([]);
    },
  );

  it('is compared on the texts that it was too slow to answer', async () => {
    await start({ canaryTimeout: '100ms' });
    await tell(2, [[2, 'canary', 0.5]]);
    await inState('answering');
    const { hostPid } = slots.challengers[0] ?? {};
    process.kill(hostPid ?? 0, 'SIGSTOP');
    await produce(100);
    const late = textsOf(await predictions(100, served), 'champion', 1);
    await inState('failed');
    process.kill(hostPid ?? 0, 'SIGCONT');
    expect(textsOf(await predictions(200), 'shadow', 2).toSorted()).toEqual(late.toSorted());
  });

  it('goes on after its pause, whatever was decided about others meanwhile', async () => {
    await start({ canaryTimeout: '100ms' });
    await tell(2, [[2, 'canary', 0.5]]);
    await inState('answering');
    const { hostPid } = slots.challengers[0] ?? {};
    process.kill(hostPid ?? 0, 'SIGSTOP');
    await produce(100);
    await predictions(100, served);
    await inState('failed');
    await tell(3, [
      [2, 'canary', 0.4],
      [3, 'shadow', 0],
    ]);
    expect(slots.challengers[0]).toMatchObject({ hostPid, share: 0.4, state: 'failed' });
    process.kill(hostPid ?? 0, 'SIGCONT');
    later += 20_000;
    await inState('answering');
    expect(slots.challengers[0]).toMatchObject({ hostPid });
    expect(loads.get(digestOf(2))).toBe(1);
  });

  it('that is told again beside the next champion answers under its epoch', async () => {
    await start();
    await tell(2, [[2, 'canary', 0.5]]);
    await inState('answering');
    await tell(0, [[2, 'canary', 0.5]], { champion: 3, epoch: 8 });
    await inState('answering');
    await produce(100);
    const answers = await predictions(200);
    expect(textsOf(answers, 'canary', 2).length).toBeGreaterThan(20);
    expect(new Set(answers.map(({ epoch }) => epoch))).toEqual(new Set([8]));
  });

  it('that cannot be loaded answers nothing', async () => {
    await start();
    await tell(2, [[9, 'canary', 0.5]]);
    await inState('failed');
    await produce(200);
    expect(textsOf(await predictions(200, served), 'champion', 1)).toHaveLength(200);
    expect(slots.challengers).toMatchObject([{ error: 'no such bundle' }]);
  });
});

describe('a shadow', () => {
  it('scores every text that another version answers, canaries included', async () => {
    await start();
    await tell(2, [
      [2, 'canary', 0.5],
      [3, 'shadow', 0],
    ]);
    await inState('answering');
    await produce(600);
    const answers = await predictions(1800);
    expect(new Set(textsOf(answers, 'shadow', 3)).size).toBe(600);
    expect(answers.filter(({ role }) => served(role))).toHaveLength(600);
  });

  it('need not answer what the champion has no answer for', async () => {
    await addUnanswering();
    bundles.push(...bundles.slice(-1));
    await start();
    await tell(2, [[5, 'shadow', 0]], { champion: 4 });
    await inState('answering');
    await produce(200, (i) => (i % 2 === 0 ? unanswerable : ordinaryText(i)));
    const answers = await predictions(200);
    expect(textsOf(answers, 'shadow', 5)).toHaveLength(100);
    expect(await metric('tidemill_predictions_total')).toBe(100);
    // Every answer of this version is equally certain.
    const { confidence = 0 } = answers[0] ?? {};
    expect(await metric('tidemill_prediction_confidence')).toBeCloseTo(confidence, 5);
    await expect.poll(() => memory.stream.deadLetters.list('texts')).toHaveLength(100);
    expect(slots.challengers).toMatchObject([{ state: 'answering' }]);
  });

  it('that never answers delays nothing: what it cannot take is shed and counted', async () => {
    await start({ shadowQueueTexts: 100 });
    await tell(2, [[2, 'shadow', 0]]);
    await inState('answering');
    const [{ hostPid } = {}] = slots.challengers;
    process.kill(hostPid ?? 0, 'SIGSTOP');
    await produce(2000);
    const answers = await predictions(2000, served);
    expect(textsOf(answers, 'champion', 1)).toHaveLength(2000);
    // The last batch is offered after its answers are acknowledged.
    await until(() => (slots.challengers[0]?.queuedTexts ?? 0) <= 100);
    await expect.poll(() => metric('tidemill_shadow_shed_total')).toBeGreaterThanOrEqual(2000 - 100 - 64);
    expect(answers.every(({ role }) => served(role))).toBe(true);
  });

  it('is not counted where the work of the model is counted', async () => {
    await start();
    await tell(2, [[2, 'shadow', 0]]);
    await inState('answering');
    await produce(100, (i) => ordinaryText(i).repeat(1000));
    expect(textsOf(await predictions(200), 'shadow', 2)).toHaveLength(100);
    expect(await metric('tidemill_texts_truncated_total')).toBe(100);
    expect(await metric('tidemill_inference_batch_texts_sum')).toBe(100);
    expect(await metric('tidemill_model_hosts')).toBe(1);
  });

  it('whose host ends goes on with a new one, and the champion with its own', async () => {
    await start();
    await tell(2, [[2, 'shadow', 0]]);
    await inState('answering');
    process.kill(slots.challengers[0]?.hostPid ?? 0, 'SIGKILL');
    await produce(200);
    const answers = await predictions(400);
    expect(textsOf(answers, 'champion', 1)).toHaveLength(200);
    expect(textsOf(answers, 'shadow', 2)).toHaveLength(200);
    expect(await metric('tidemill_model_host_restarts_total')).toBe(1);
  });
});

describe('decisions about challengers', () => {
  it('are followed by loading only the newest of a storm of them', async () => {
    await start();
    await tell(1, [[2, 'shadow', 0]]);
    const storm = Array.from({ length: 1000 }, (_, i) => event(2 + i, [[3 - (i % 2), 'shadow', 0]]));
    await memory.stream.producer().send('model-versions', storm);
    await versions.caughtUp();
    await inState('answering');
    expect(slots.challengers).toMatchObject([{ version: 2 }]);
    expect((loads.get(digestOf(2)) ?? 0) + (loads.get(digestOf(3)) ?? 0)).toBeLessThan(10);
  });

  it('leave the champion as it is, and are followed in the order of their revisions', async () => {
    await start();
    await tell(1, []);
    await tell(3, [[2, 'shadow', 0]]);
    await tell(2, [[3, 'shadow', 0]]);
    await tell(3, [[3, 'shadow', 0]]);
    expect(slots.challengers).toMatchObject([{ version: 2 }]);
    expect(await memory.metrics.render()).toContain('tidemill_version_events_refused_total 2');
    await tell(4, [[2, 'canary', 0.1]]);
    await tell(5, [[2, 'canary', 0.2]]);
    await inState('answering');
    expect(slots.challengers).toMatchObject([{ version: 2, role: 'canary', share: 0.2 }]);
    await tell(6, []);
    expect(slots.challengers).toEqual([]);
    await produce(100);
    expect(textsOf(await predictions(100), 'champion', 1)).toHaveLength(100);
    expect(loads.get(digestOf(1))).toBe(1);
    expect(status.statuses).toMatchObject([{ version: 1, epoch: 7, state: 'serving' }]);
  });
});
