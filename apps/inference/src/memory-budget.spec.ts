import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ModelVersion } from '#libs/events';
import { type Bundle, startHost, writeBundle } from '#libs/model';
import { type Configuration, createMetrics, loadConfig, type Metrics, silentLogger } from '#libs/platform';
import { temporaryFolder, testText, writeTestBundle } from '../../../libs/model/src/testing/test-bundle.ts';
import { ModelSlots } from './model-slots.ts';
import { versionEvent } from '../../../libs/model/src/testing/version-event.ts';

/** Models that do not all fit, on real hosts. */

const defaults = loadConfig({ env: {} }).config.inference;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundles: Bundle[];
let slots: ModelSlots;
let steps: string[];
let failures: string[];
let metrics: Metrics;
let later: number;
/** Hosts end no sooner. */
let slowEnd: Promise<void>;
/** Longer than a model stays at least, milliseconds. */
const turn = 20_000;
const refused = vi.spyOn(silentLogger, 'error');

beforeEach(async () => {
  folder = await temporaryFolder();
  bundles = [];
  steps = [];
  failures = [];
  metrics = createMetrics();
  later = 0;
  slowEnd = Promise.resolve();
  refused.mockClear();
  for (const variant of [0, 1]) bundles.push(await writeTestBundle(join(folder.path, `v${variant}`), { variant }));
});
afterEach(async () => {
  await slots.close();
  await folder[Symbol.asyncDispose]();
});

function open(change: Partial<Configuration['inference']>): void {
  const directories = new Map(bundles.map(({ digest, directory }) => [digest, directory]));
  slots = new ModelSlots({
    startHost: async (module) => {
      const host = await startHost(module);
      return { ...host, kill: () => void slowEnd.then(() => host.kill()) };
    },
    config: { ...defaults, ...change },
    materialise: (digest) => Promise.resolve(directories.get(digest) ?? ''),
    onProgress({ state, error }) {
      steps.push(state);
      if (error !== undefined) failures.push(error);
    },
    publishShadows: () => Promise.resolve(),
    logger: silentLogger,
    metrics,
    clock: { now: () => Math.floor(performance.now()) + later },
  });
}

const digest = (version: number) => bundles[version - 1]?.digest ?? '';

function tell(model: string, version: number, challengers: ModelVersion['challengers'] = []): Promise<void> {
  slots.apply(versionEvent({ model, version, bundleDigest: digest(version), revision: version, challengers }));
  return slots.settled();
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
const loaded = () => slots.names().filter((model) => slots.get(model)?.slot.hosts !== undefined);
const answer = async (model: string) => {
  const result = await slots.get(model)?.batcher.submit([testText('north', 1)], 'interactive');
  return result?.serving.version;
};
/** Room for so many hosts and no more. */
const room = async (hosts = 1) => {
  await tell('one', 1);
  const bytes = slots.get('one')?.slot.hosts?.residentBytes ?? 0;
  await slots.close();
  return Math.ceil(((hosts + 0.6) * bytes) / 1024 ** 2);
};
const challenger = (version: number, role: string) => ({ version, bundleDigest: digest(version), role, share: 0.1 });

it('unloads the model that was used least recently, and loads it again with its next text', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room() });
  await tell('one', 1);
  later += turn;
  await tell('two', 1);
  expect(loaded()).toEqual(['one']);
  for (const model of ['two', 'one', 'two']) {
    later += turn;
    expect(await answer(model)).toBe(1);
    expect(loaded()).toEqual([model]);
  }
  expect(slots.get('one')?.slot.serving).toMatchObject({ version: 1 });
  expect(failures).toEqual([]);
});

it('loads what fits of the models that are told, and each of the others with its first text', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room() });
  const models = ['one', 'two', 'three'];
  for (const model of models) slots.apply(versionEvent({ model, version: 1, bundleDigest: digest(1) }));
  await slots.attempted();
  expect(loaded()).toHaveLength(1);
  const [first] = loaded();
  // The one that nobody has asked for need not stay.
  const [second, third] = models.filter((model) => model !== first);
  expect(await answer(second ?? '')).toBe(1);
  expect(loaded()).toEqual([second]);
  later += turn;
  expect(await answer(third ?? '')).toBe(1);
  expect(failures).toEqual([]);
  expect(refused).not.toHaveBeenCalled();
});

it('lets models that do not fit together take turns, however busy they are', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room() });
  await tell('one', 1);
  later += turn;
  await tell('two', 1);
  expect(await answer('two')).toBe(1);
  const lease = slots.get('two')?.slot.acquire();
  const waiting = answer('one');
  await expect.poll(() => refused.mock.calls.length, { timeout: 20_000 }).toBeGreaterThan(1);
  expect(refused.mock.lastCall).toMatchObject([{ model: 'one', reason: expect.stringContaining('MB are needed') }, {}]);
  expect(loaded()).toEqual(['two']);
  later += turn;
  // Its texts are answered before it goes.
  await expect.poll(loaded, { timeout: 20_000 }).toEqual([]);
  expect(await lease?.answer([testText('north', 1)])).toMatchObject({ refused: [] });
  lease?.release();
  expect(await waiting).toBe(1);
  expect(failures).toEqual([]);
});

it('unloads the version that serves when its successor does not fit beside it, and loses no text', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room() });
  await tell('one', 1);
  const before = Array.from({ length: 20 }, () => answer('one'));
  const swapped = tell('one', 2);
  const versions = new Set(await Promise.all([...before, ...Array.from({ length: 20 }, () => answer('one'))]));
  await swapped;
  expect([...versions].every((version) => version === 1 || version === 2)).toBe(true);
  expect(await answer('one')).toBe(2);
  expect(failures).toEqual([]);
});

it('opens it again when the successor then fails', async () => {
  const [, second] = bundles;
  if (second === undefined) return expect.unreachable();
  const { directory, manifest } = second;
  const { model, labels, input, goldenTexts, temperature, trainer } = manifest;
  const other = goldenTexts.map(({ text, probabilities }) => ({ text, probabilities: probabilities.toReversed() }));
  const graph = { 'model.onnx': await readFile(join(directory, 'model.onnx')) };
  const told = { model, labels, input, goldenTexts: other, temperature, trainer };
  bundles.push(await writeBundle(join(folder.path, 'broken'), told, graph));
  open({});
  open({ memoryBudgetMegabytes: await room() });
  await tell('one', 1);
  await tell('one', 3);
  expect(failures).toEqual([expect.stringContaining('is answered differently')]);
  expect(await answer('one')).toBe(1);
});

it('says so when a model does not fit at all', async () => {
  open({ memoryBudgetMegabytes: 50 });
  await tell('one', 1);
  expect(failures).toEqual([
    expect.stringMatching(/alone takes more than inference.memoryBudgetMegabytes: \d+ MB of 50 MB/),
  ]);
});

it('gives a challenger up before a champion', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room(2) });
  await tell('one', 1, [challenger(2, 'shadow')]);
  await expect.poll(() => slots.challengers[0]?.state, { timeout: 20_000 }).toBe('answering');
  later += turn;
  await tell('two', 1);
  expect(await answer('two')).toBe(1);
  expect(loaded()).toEqual(['one', 'two']);
  expect(slots.challengers).toMatchObject([{ state: 'failed', error: 'its memory was needed' }]);
});

it('gives shadows up before canaries, of whatever model', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room(4) });
  await tell('one', 1, [challenger(2, 'canary')]);
  await tell('two', 1, [challenger(2, 'shadow')]);
  const states = () => slots.challengers.map(({ role, state }) => `${role} ${state}`);
  await expect.poll(states, { timeout: 20_000 }).toEqual(['canary answering', 'shadow answering']);
  later += turn;
  await tell('three', 1);
  expect(await answer('three')).toBe(1);
  expect(states()).toEqual(['canary answering', 'shadow failed']);
});

it('makes no room for a challenger', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room(2) });
  for (const model of ['one', 'two']) await tell(model, 1);
  later += turn;
  const challengers = [challenger(2, 'canary')];
  slots.apply(versionEvent({ model: 'one', version: 1, bundleDigest: digest(1), revision: 2, challengers }));
  const error = () => slots.challengers[0]?.error;
  await expect.poll(error, { timeout: 20_000 }).toEqual(expect.stringContaining('MB are needed'));
  expect(loaded()).toEqual(['one', 'two']);
});

it('unloads the version that is replaced before a model that was used just now', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room(2) });
  for (const model of ['one', 'two']) await tell(model, 1);
  later += turn;
  for (const model of ['one', 'two']) expect(await answer(model)).toBe(1);
  await tell('one', 2);
  expect(loaded()).toEqual(['one', 'two']);
  expect(await answer('one')).toBe(2);
});

it('counts a version that was replaced until its hosts have ended', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room(2) });
  await tell('one', 1);
  const lease = slots.get('one')?.slot.acquire();
  slots.apply(versionEvent({ model: 'one', version: 2, bundleDigest: digest(2) }));
  await expect.poll(() => slots.get('one')?.slot.serving?.version, { timeout: 20_000 }).toBe(2);
  slots.apply(versionEvent({ model: 'two', version: 1, bundleDigest: digest(1) }));
  await slots.get('two')?.slot.settled();
  const before = loaded();
  lease?.release();
  expect(before).toEqual(['one']);
  expect(await answer('two')).toBe(1);
  expect(loaded()).toEqual(['one', 'two']);
});

it('waits for the challenger that becomes the champion, and unloads nothing for it', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room(3) });
  await tell('one', 1, [challenger(2, 'shadow')]);
  await tell('two', 1);
  await expect.poll(() => slots.challengers[0]?.state, { timeout: 20_000 }).toBe('answering');
  expect(loaded()).toEqual(['one', 'two']);
  const end = Promise.withResolvers<void>();
  slowEnd = end.promise;
  const swapped = tell('one', 2);
  await expect.poll(() => steps.filter((state) => state === 'verified').length, { timeout: 20_000 }).toBe(3);
  end.resolve();
  await swapped;
  expect(slots.get('one')?.slot.serving?.version).toBe(2);
  expect(loaded()).toEqual(['one', 'two']);
});

it('unloads the challengers of a model with it, and loads them again with it', async () => {
  open({ idleUnload: '1s' });
  const broken = { ...challenger(2, 'canary'), bundleDigest: 'f'.repeat(64) };
  await tell('one', 1, [challenger(2, 'shadow'), broken]);
  const states = () => slots.challengers.map(({ role, state }) => `${role} ${state}`).toSorted();
  await expect.poll(states, { timeout: 20_000 }).toEqual(['canary failed', 'shadow answering']);
  const pid = slots.challengers.find(({ hostPid }) => hostPid !== null)?.hostPid ?? 0;
  later = 10_000;
  await expect.poll(() => alive(pid), { timeout: 20_000 }).toBe(false);
  expect(loaded()).toEqual([]);
  expect(await answer('one')).toBe(1);
  await expect.poll(states, { timeout: 20_000 }).toEqual(['canary failed', 'shadow answering']);
});

it('unloads a model that nobody has used for a while, and tells what there is at any time', async () => {
  open({ idleUnload: '1s' });
  const gauge = async (name: string) =>
    Number(new RegExp(`^${name}{model="one"} (\\d+)`, 'm').exec(await metrics.render())?.[1]);
  const loading = tell('one', 1);
  const waiting = answer('one');
  expect(await gauge('tidemill_inference_queue_texts')).toBe(1);
  expect(await gauge('tidemill_model_hosts')).toBe(0);
  await Promise.all([loading, waiting]);
  expect(await gauge('tidemill_inference_queue_texts')).toBe(0);
  expect(await gauge('tidemill_model_hosts')).toBe(1);
  expect(await gauge('tidemill_model_host_memory_bytes')).toBeGreaterThan(1e6);
  later = 10_000;
  await expect.poll(loaded, { timeout: 20_000 }).toEqual([]);
  expect(await gauge('tidemill_model_host_memory_bytes')).toBe(0);
  expect(await Promise.all([answer('one'), answer('one')])).toEqual([1, 1]);
});
