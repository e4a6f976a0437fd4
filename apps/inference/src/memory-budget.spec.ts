import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ModelVersion } from '#libs/events';
import type { Bundle } from '#libs/model';
import { type Configuration, createMetrics, loadConfig, silentLogger } from '#libs/platform';
import { temporaryFolder, testText, writeTestBundle } from '../../../libs/model/src/testing/test-bundle.ts';
import { ModelSlots } from './model-slots.ts';

/** Models that do not all fit, on real hosts. */

const defaults = loadConfig({ env: {} }).config.inference;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundles: Bundle[];
let slots: ModelSlots;
let failures: string[];
let later: number;

beforeEach(async () => {
  folder = await temporaryFolder();
  bundles = [];
  failures = [];
  later = 0;
  for (const variant of [0, 1]) bundles.push(await writeTestBundle(join(folder.path, `v${variant}`), { variant }));
});
afterEach(async () => {
  await slots.close();
  await folder[Symbol.asyncDispose]();
});

function open(change: Partial<Configuration['inference']>): void {
  const directories = new Map(bundles.map(({ digest, directory }) => [digest, directory]));
  slots = new ModelSlots({
    config: { ...defaults, ...change },
    materialise: (digest) => Promise.resolve(directories.get(digest) ?? ''),
    onProgress: ({ error }) => void (error !== undefined && failures.push(error)),
    publishShadows: () => Promise.resolve(),
    logger: silentLogger,
    metrics: createMetrics(),
    clock: { now: () => Math.floor(performance.now()) + later },
  });
}

const digest = (version: number) => bundles[version - 1]?.digest ?? '';

function tell(model: string, version: number, challengers: ModelVersion['challengers'] = []): Promise<void> {
  const event = { model, version, epoch: version, bundleDigest: digest(version), action: 'promote', reason: '' };
  slots.apply({ ...event, promotedBy: '', at: 0, signature: null, revision: version, challengers });
  return slots.settled();
}

const loaded = () => slots.names().filter((model) => slots.get(model)?.slot.hosts !== undefined);
const answer = async (model: string) => {
  const result = await slots.get(model)?.batcher.submit([testText('north', 1)], 'interactive');
  return result?.serving.version;
};
/** Room for one host and no second. */
const room = async () => {
  await tell('one', 1);
  const bytes = slots.get('one')?.slot.hosts?.residentBytes ?? 0;
  await slots.close();
  return Math.ceil((1.6 * bytes) / 1024 ** 2);
};

it('unloads the model that was used least recently, and loads it again with its next text', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room() });
  await tell('one', 1);
  await tell('two', 1);
  expect(loaded()).toEqual(['two']);
  expect(slots.get('one')?.slot.serving).toMatchObject({ version: 1 });
  for (const model of ['one', 'two', 'one']) {
    expect(await answer(model)).toBe(1);
    expect(loaded()).toEqual([model]);
  }
  expect(failures).toEqual([]);
});

it('says so when a version does not fit beside the one that serves, which goes on', async () => {
  open({});
  open({ memoryBudgetMegabytes: await room() });
  await tell('one', 1);
  await tell('one', 2);
  expect(failures).toEqual([expect.stringMatching(/memoryBudgetMegabytes.*MB are needed, .* MB of .* MB are in use/)]);
  expect(await answer('one')).toBe(1);
});

it('gives a challenger up before a champion', async () => {
  open({});
  open({ memoryBudgetMegabytes: Math.ceil(1.6 * (await room())) });
  await tell('one', 1, [{ version: 2, bundleDigest: digest(2), role: 'shadow', share: 0 }]);
  await expect.poll(() => slots.challengers[0]?.state, { timeout: 20_000 }).toBe('answering');
  await tell('two', 1);
  expect(loaded()).toEqual(['one', 'two']);
  expect(slots.challengers).toMatchObject([{ state: 'failed', error: 'its memory was needed' }]);
});

it('unloads a model that nobody has used for a while', async () => {
  open({ idleUnload: '1s' });
  await tell('one', 1);
  later = 10_000;
  await expect.poll(loaded, { timeout: 20_000 }).toEqual([]);
  expect(await Promise.all([answer('one'), answer('one')])).toEqual([1, 1]);
});
