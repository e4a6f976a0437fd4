import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Bundle } from './bundle.ts';
import { classify, classifyWith } from './classify.ts';
import { hostModel, ModelHost } from './model-host.ts';
import { temporaryFolder, testText, writeTestBundle } from './testing/test-bundle.ts';

const options = { executionProviders: ['cpu'], threads: 1 };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundle: Bundle;
beforeAll(async () => {
  folder = await temporaryFolder();
  bundle = await writeTestBundle(join(folder.path, 'bundle'));
});
afterAll(() => folder[Symbol.asyncDispose]());

it('answers more texts than a host is given at once, in their order', async () => {
  const labels = Array.from({ length: 50 }, (_, i) => (i % 3 === 0 ? 'north' : 'south'));
  const texts = labels.map((label, i) => testText(label, i));
  const answers = await classify(hostModel(bundle), texts, options);
  expect(answers.map(({ label }) => label)).toStrictEqual(labels);
});

it('stops before the next texts when it is told to', async () => {
  await using host = await ModelHost.open(hostModel(bundle), options);
  const signal = AbortSignal.abort(new Error('closing'));
  await expect(classifyWith(host, { ...bundle.manifest, signal }, ['a'])).rejects.toThrow('closing');
});
