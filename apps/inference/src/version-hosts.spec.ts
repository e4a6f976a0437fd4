import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Bundle, modelError, startHost } from '#libs/model';
import { loadConfig } from '#libs/platform';
import { temporaryFolder, testText, writeTestBundle } from '../../../libs/model/src/testing/test-bundle.ts';
import { VersionHosts } from './version-hosts.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundles: Bundle[];
/** The registry's answer to which digest a version has. */
let registry: Server;
let url: string;
let hosts: VersionHosts;

beforeAll(async () => {
  folder = await temporaryFolder();
  bundles = [];
  for (const variant of [0, 1, 2]) bundles.push(await writeTestBundle(join(folder.path, `v${variant}`), { variant }));
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
beforeEach(() => {
  gate = newGate();
  const { config } = loadConfig({ env: { TIDEMILL__RETRAINING__URL: url } });
  const materialise = async (digest: string) => {
    await gate.promise;
    return bundles.find((bundle) => bundle.digest === digest)?.directory ?? '';
  };
  hosts = new VersionHosts(config, { materialise, start: startHost });
});
afterEach(() => hosts.close());

const texts = [testText('north', 1), testText('south', 2)];

it('answers by the version that is named, however many ask at once', async () => {
  gate.resolve();
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => hosts.predict('test', 1 + (i % 2), texts)));
  expect(answers.map(({ version }) => version)).toStrictEqual([1, 2, 1, 2, 1, 2, 1, 2]);
  expect(answers[0]?.predictions.map(({ label }) => label)).toStrictEqual(['north', 'south']);
});

it('makes room among those that are idle, and never ends one that is in use', async () => {
  const first = [hosts.predict('test', 1, texts), hosts.predict('test', 2, texts)];
  await expect(hosts.predict('test', 3, texts)).rejects.toMatchObject({ status: 503, retryAfter: 1 });
  gate.resolve();
  expect((await Promise.all(first)).map(({ version }) => version)).toStrictEqual([1, 2]);
  expect(await hosts.predict('test', 3, texts)).toMatchObject({ version: 3, epoch: null });
  expect(await hosts.predict('test', 1, texts)).toMatchObject({ version: 1 });
});

it('says what is wrong with a version, tries again the next time, and still closes', async () => {
  await expect(hosts.predict('test', 9, texts)).rejects.toMatchObject({ status: 404 });
  gate.reject(modelError('BUNDLE_INVALID'));
  await expect(hosts.predict('test', 1, texts)).rejects.toMatchObject({ code: 'BUNDLE_INVALID' });
  gate = newGate();
  const late = hosts.predict('test', 1, texts).catch((error: unknown) => error);
  const closing = hosts.close();
  gate.reject(modelError('BUNDLE_INVALID'));
  expect(await late).toMatchObject({ code: 'BUNDLE_INVALID' });
  await closing;
});

it('says that the registry cannot be asked', async () => {
  const { config } = loadConfig({ env: { TIDEMILL__RETRAINING__URL: 'http://127.0.0.1:1' } });
  const materialise = () => Promise.reject(modelError('BUNDLE_INVALID'));
  const alone = new VersionHosts(config, { materialise, start: startHost });
  await expect(alone.predict('test', 1, texts)).rejects.toMatchObject({
    status: 503,
    retryAfter: 1,
    message: expect.stringContaining('the registry cannot be asked for test@1'),
  });
});
