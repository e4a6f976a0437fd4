import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Bundle, modelError, startHost, writeBundle } from '#libs/model';
import { loadConfig } from '#libs/platform';
import { temporaryFolder, testText, writeTestBundle } from '../../../libs/model/src/testing/test-bundle.ts';
import {
  testTokenizerJson,
  testVocabulary,
  writeTokensBundle,
} from '../../../libs/model/src/testing/test-transformer.ts';
import { MemoryBudget } from './memory-budget.ts';
import { VersionHosts } from './version-hosts.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundles: Bundle[];
/** The registry's answer to which digest a version has. */
let registry: Server;
let url: string;
let budget: MemoryBudget;
let hosts: VersionHosts;

beforeAll(async () => {
  folder = await temporaryFolder();
  bundles = [];
  for (const variant of [0, 1, 2]) bundles.push(await writeTestBundle(join(folder.path, `v${variant}`), { variant }));
  bundles.push(await writeBundleWithoutAnswer());
  registry = createServer((request, response) => {
    const digest = bundles[Number(request.url?.split('/').at(-1)) - 1]?.digest;
    response.writeHead(digest === undefined ? 404 : 200).end(JSON.stringify({ digest }));
  }).listen(0, '127.0.0.1');
  await once(registry, 'listening');
  const address = registry.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterAll(async () => {
  registry.close();
  await folder[Symbol.asyncDispose]();
});

let gate: PromiseWithResolvers<void>;
function newGate(): PromiseWithResolvers<void> {
  const made = Promise.withResolvers<void>();
  made.promise.catch(() => undefined);
  return made;
}
function open(bytes: number): void {
  gate = newGate();
  const { config } = loadConfig({ env: { TIDEMILL__RETRAINING__URL: url } });
  const materialise = async (digest: string) => {
    await gate.promise;
    return bundles.find((bundle) => bundle.digest === digest)?.directory ?? '';
  };
  budget = new MemoryBudget(bytes);
  hosts = new VersionHosts(config, { materialise, start: startHost, budget });
}
beforeEach(() => open(0));
afterEach(() => hosts.close());

/** Its golden texts are answered as recorded, and a text with 日 by NaN. */
async function writeBundleWithoutAnswer(): Promise<Bundle> {
  const right = await writeTokensBundle(join(folder.path, 'right'));
  const graph = await readFile(join(right.directory, 'model.onnx'));
  const dimension = 8;
  const from = (testVocabulary - 3) * dimension;
  const vector = Float32Array.from({ length: dimension }, (_, i) => Math.sin((from + i + 1) * 1.7));
  graph.set(Buffer.from(vector.map(() => Number.NaN).buffer), graph.indexOf(Buffer.from(vector.buffer)));
  const files = { 'model.onnx': graph, 'tokenizer.json': testTokenizerJson() };
  return await writeBundle(join(folder.path, 'v3'), right.manifest, files);
}

const texts = [testText('north', 1), testText('south', 2)];
const { signal } = new AbortController();
const ask = (version: number) => hosts.predict({ model: 'test', version, texts, signal });

it('answers by the version that is named, however many ask at once', async () => {
  gate.resolve();
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => ask(1 + (i % 2))));
  expect(answers.map(({ version }) => version)).toStrictEqual([1, 2, 1, 2, 1, 2, 1, 2]);
  expect(answers[0]?.predictions.map(({ label }) => label)).toStrictEqual(['north', 'south']);
});

it('makes room among those that are idle, and never ends one that is in use', async () => {
  const first = [ask(1), ask(2)];
  await expect(ask(3)).rejects.toMatchObject({ status: 503, retryAfter: 1 });
  gate.resolve();
  expect((await Promise.all(first)).map(({ version }) => version)).toStrictEqual([1, 2]);
  expect(await ask(3)).toMatchObject({ version: 3, epoch: null });
  expect(await ask(1)).toMatchObject({ version: 1 });
});

it('says what is wrong with a version, tries again the next time, and still closes', async () => {
  await expect(ask(9)).rejects.toMatchObject({ status: 404 });
  gate.reject(modelError('BUNDLE_INVALID'));
  await expect(ask(1)).rejects.toMatchObject({ code: 'BUNDLE_INVALID' });
  gate = newGate();
  const late = ask(1).catch((error: unknown) => error);
  const closing = hosts.close();
  gate.reject(modelError('BUNDLE_INVALID'));
  expect(await late).toMatchObject({ code: 'BUNDLE_INVALID' });
  await closing;
});

it('names the texts that the version has no answer for', async () => {
  gate.resolve();
  const asking = hosts.predict({ model: 'test', version: 4, texts: ['a', '日', 'b'], signal });
  await expect(asking).rejects.toMatchObject({
    status: 422,
    document: { errors: [{ pointer: '/texts/1', message: expect.stringContaining('a value is NaN') }] },
  });
});

it('gives up when it is told to, however long the version takes to open, and leaves room for the others', async () => {
  const gone = new AbortController();
  const given = hosts.predict({ model: 'test', version: 1, texts, signal: gone.signal });
  gone.abort(new Error('nobody waits'));
  await expect(given).rejects.toThrow('nobody waits');
  gate.resolve();
  expect(await ask(1)).toMatchObject({ version: 1 });
  await expect(hosts.predict({ model: 'test', version: 1, texts, signal: gone.signal })).rejects.toThrow(
    'nobody waits',
  );
});

it('keeps within the memory of all hosts, and gives its own up when it is needed', async () => {
  open(150 * 1024 ** 2);
  gate.resolve();
  const ask = (version: number) => hosts.predict({ model: 'test', version, texts, signal });
  const both = await Promise.allSettled([ask(1), ask(2)]);
  expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'MODEL_MEMORY' } });
  for (const version of [1, 2]) expect(await ask(version)).toMatchObject({ version });
  const [bundle] = bundles;
  if (bundle === undefined) return expect.unreachable();
  const champion = { residentBytes: 1 };
  const makeRoom = () => Promise.resolve(false);
  expect(await budget.open(bundle, { hosts: 1, open: () => Promise.resolve(champion), makeRoom })).toBe(champion);
});

it('says that the registry cannot be asked', async () => {
  const { config } = loadConfig({ env: { TIDEMILL__RETRAINING__URL: 'http://127.0.0.1:1' } });
  const materialise = () => Promise.reject(modelError('BUNDLE_INVALID'));
  const alone = new VersionHosts(config, { materialise, start: startHost, budget });
  await expect(alone.predict({ model: 'test', version: 1, texts, signal })).rejects.toMatchObject({
    status: 503,
    retryAfter: 1,
    message: expect.stringContaining('the registry cannot be asked for test@1'),
  });
});
