import { execFile } from 'node:child_process';
import { readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Module } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningApp, startHttpApp } from '#libs/http';
import { type Bundle, sha256 } from '#libs/model';
import { createMetrics, loadConfig, newId, Readiness, silentLogger, systemClock } from '#libs/platform';
import { ArtifactStore, createMaterialise, Registry } from '#libs/registry';
import { temporaryFolder, writeTestBundle } from '../../../../libs/model/src/testing/test-bundle.ts';
import { writeOptimumFolder } from '../../../../libs/model/src/testing/test-transformer.ts';
import { type MemoryStream, openMemoryStream } from '../../../../libs/stream/src/testing/memory-stream.ts';
import { CONFIGURATION } from '../tokens.ts';
import { acceptUploads, registryControllers } from './registry.providers.ts';

const run = promisify(execFile);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let memory: MemoryStream;
let registry: Registry;
let store: ArtifactStore;
let app: RunningApp;

@Module({})
class RegistryOnly {}

beforeEach(async () => {
  folder = await temporaryFolder();
  memory = await openMemoryStream();
  registry = await Registry.open({ stream: memory.stream, clock: systemClock, logger: silentLogger, newId });
  store = new ArtifactStore(join(folder.path, 'artifacts'));
  app = await startHttpApp({
    module: {
      module: RegistryOnly,
      controllers: registryControllers,
      providers: [
        { provide: Registry, useValue: registry },
        { provide: ArtifactStore, useValue: store },
        { provide: CONFIGURATION, useValue: loadConfig({ env: {} }).config },
      ],
    },
    host: '127.0.0.1',
    port: 0,
    logger: silentLogger,
    metrics: createMetrics(),
    readiness: new Readiness(),
    configure: (nest) => acceptUploads(nest.getHttpAdapter().getInstance()),
  });
});
afterEach(async () => {
  await app.close();
  await registry.close();
  await memory.stream.close();
  await folder[Symbol.asyncDispose]();
});

interface Answer {
  status: number;
  body: unknown;
}

async function ask(path: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(`${app.url}${path}`, init);
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
}

const post = (path: string, body: unknown = {}) =>
  ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const upload = (path: string, type: string, body: string | Uint8Array<ArrayBuffer>) =>
  ask(path, { method: 'POST', headers: { 'content-type': type }, body });

/** The folder as the system's own tar packs it. */
async function tar(directory: string, ...words: string[]): Promise<Uint8Array<ArrayBuffer>> {
  const packed = ['-c', '-f', '-', '-C', directory, ...(words.length === 0 ? ['.'] : words)];
  const { stdout } = await run('tar', packed, { encoding: 'buffer', maxBuffer: 2 ** 26 });
  return new Uint8Array(stdout);
}

const importBundle = async (directory: string, query = '') =>
  upload(`/v1/models/news/import${query}`, 'application/x-tar', await tar(directory));

let made = 0;
const makeBundle = (options: Parameters<typeof writeTestBundle>[1] = {}): Promise<Bundle> =>
  writeTestBundle(join(folder.path, `made-${++made}`), options);

describe('bundles made elsewhere', () => {
  it('become versions that can be promoted, shown and fetched', async () => {
    const { directory, digest } = await makeBundle();
    expect(await importBundle(directory, '?by=ana&reason=from%20the%20lab')).toMatchObject({
      status: 201,
      body: { model: 'news', version: 1, digest, labels: ['north', 'south'] },
    });
    expect(await ask('/v1/models/news/versions/1')).toMatchObject({
      status: 200,
      body: { stage: 'none', digest, createdBy: 'ana', reason: 'from the lab', lineage: { imported: true } },
    });
    expect(await post('/v1/models/news/versions/1/promote', { by: 'ana' })).toMatchObject({
      status: 202,
      body: { id: expect.any(String), version: 1, epoch: 1 },
    });
    expect((await ask('/v1/models')).body).toMatchObject({
      models: [{ model: 'news', serving: { version: 1, epoch: 1, since: expect.stringMatching(/Z$/) } }],
    });
    const elsewhere = new ArtifactStore(join(folder.path, 'elsewhere'));
    const materialise = createMaterialise({ store: elsewhere, registryUrl: () => app.url });
    const fetched = await materialise(digest, new AbortController().signal);
    expect(await readFile(join(fetched, 'model.onnx'))).toEqual(await readFile(join(directory, 'model.onnx')));
  });

  it('are the same version when they come again', async () => {
    const { directory } = await makeBundle();
    const first = await importBundle(directory);
    expect(await importBundle(directory)).toEqual(first);
    expect(registry.model('news')?.versions).toHaveLength(1);
  });

  /** Changes the manifest and makes its digests right again. */
  async function amended({ directory }: Bundle, change: (manifest: Record<string, unknown>) => void): Promise<void> {
    const path = join(directory, 'manifest.json');
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    manifest.files['model.onnx'] = sha256(await readFile(join(directory, 'model.onnx')));
    change(manifest);
    await writeFile(path, JSON.stringify(manifest));
  }

  it.each<[string, (bundle: Bundle) => Promise<void>, RegExp]>([
    [
      'a changed byte',
      ({ directory }) => writeFile(join(directory, 'model.onnx'), 'x'),
      /other bytes than the manifest/,
    ],
    ['no manifest', ({ directory }) => rm(join(directory, 'manifest.json')), /neither manifest.json nor config.json/],
    ['a file too many', ({ directory }) => writeFile(join(directory, 'more.txt'), ''), /more.txt is not named/],
    ['a link', ({ directory }) => symlink('/etc/passwd', join(directory, 'link')), /is not a plain file/],
    [
      'no ONNX file',
      async (bundle) => {
        await writeFile(join(bundle.directory, 'model.onnx'), 'a pickle');
        await amended(bundle, () => undefined);
      },
      /not an ONNX file/,
    ],
    [
      'fewer labels than the graph answers',
      (bundle) =>
        amended(bundle, (manifest) => {
          manifest['labels'] = ['north', 'south'];
          manifest['goldenTexts'] = [{ text: 'x', probabilities: [0.5, 0.5] }];
        }),
      /gives 3 classes, there are 2 labels/,
    ],
    [
      'answers that are not those of the graph',
      (bundle) =>
        amended(bundle, (manifest) => {
          manifest['goldenTexts'] = [{ text: 'northa0', probabilities: [0, 0, 1] }];
        }),
      /answered differently/,
    ],
    [
      'a manifest that names a file outside',
      (bundle) =>
        amended(bundle, (manifest) => {
          manifest['files'] = { 'model.onnx': sha256(''), '../../escaped': sha256('') };
        }),
      /manifest.json files/,
    ],
  ])('with %s are refused in a sentence and leave nothing behind', async (_, damage, reason) => {
    const bundle = await makeBundle({ labels: ['east', 'north', 'south'] });
    await damage(bundle);
    const { status, body } = await importBundle(bundle.directory);
    expect(body).toMatchObject({ detail: expect.stringMatching(reason) });
    expect(status).toBe(422);
    expect(await store.bundles()).toEqual([]);
    expect(registry.models()).toEqual([]);
  });

  it('may be an Optimum export, which becomes a bundle of itself', async () => {
    const directory = await writeOptimumFolder(join(folder.path, 'export'));
    const first = await importBundle(directory);
    expect(first).toMatchObject({ status: 201, body: { version: 1, labels: ['north', 'south', 'west'] } });
    expect(await importBundle(directory)).toEqual(first);
    expect(await post('/v1/models/news/versions/1/promote', { by: 'ana' })).toMatchObject({ status: 202 });
    const [digest = ''] = await store.bundles();
    expect((await store.bundle(digest))?.manifest.input).toMatchObject({ kind: 'tokens', maximumTokens: 24 });
  });

  it('are refused when they climb out of their folder', async () => {
    const { directory } = await makeBundle();
    const archive = await tar(directory, '-P', '--transform=s,manifest.json,../../manifest.json,', 'manifest.json');
    expect(await upload('/v1/models/news/import', 'application/x-tar', archive)).toMatchObject({
      status: 422,
      body: { detail: expect.stringMatching(/not an allowed file name/) },
    });
  });

  it('are refused when they are no archive, in another form, or for no model', async () => {
    expect(await upload('/v1/models/news/import', 'application/x-tar', 'hello')).toMatchObject({ status: 422 });
    expect(await post('/v1/models/news/import', { files: {} })).toMatchObject({ status: 415 });
    expect(await upload('/v1/models/NO/import', 'application/x-tar', '')).toMatchObject({ status: 422 });
    const { directory } = await makeBundle();
    expect(await importBundle(directory, '?by=a&by=b')).toMatchObject({ status: 422 });
  });

  it('are refused in a sentence also while more of them is on its way', async () => {
    const large = new Uint8Array(64 * 1024 ** 2).fill(1);
    for (let i = 0; i < 3; i++)
      expect(await upload('/v1/models/news/import', 'application/x-tar', large)).toMatchObject({
        status: 422,
        body: { detail: expect.stringMatching(/no tar archive/) },
      });
  });

  it('are handed out file by file, and nothing else is', async () => {
    const { directory, digest } = await makeBundle();
    await importBundle(directory);
    expect(await ask(`/v1/bundles/${digest}`)).toMatchObject({ status: 200, body: { files: expect.any(Array) } });
    expect((await ask(`/v1/bundles/${digest}/manifest.json`)).status).toBe(200);
    for (const file of ['nothing.json', '..%2F..%2Fsecret', '%2Fetc%2Fpasswd', '__proto__'])
      expect(await ask(`/v1/bundles/${digest}/${file}`)).toMatchObject({ status: 404 });
    for (const other of ['0'.repeat(64), '..', '..%2F..']) expect((await ask(`/v1/bundles/${other}`)).status).toBe(404);
  });

  it('that have been damaged on disk are not handed out as if they were whole', async () => {
    const { directory, digest } = await makeBundle();
    await importBundle(directory);
    const stored = store.bundleDirectory(digest) ?? '';
    await writeFile(join(folder.path, 'swapped'), 'x');
    await rename(join(folder.path, 'swapped'), join(stored, 'model.onnx'));
    expect(await ask(`/v1/bundles/${digest}`)).toMatchObject({ status: 404 });
  });
});

describe('what people decide', () => {
  beforeEach(async () => {
    for (const variant of [0, 1]) await importBundle((await makeBundle({ variant })).directory);
    await post('/v1/models/news/versions/1/promote');
  });

  it('is kept with who and why', async () => {
    await post('/v1/models/news/versions/2/promote', { by: 'ana', reason: 'better' });
    await post('/v1/models/news/rollback', { by: 'ben', reason: 'worse' });
    expect(registry.model('news')?.history).toMatchObject([
      { version: 1, action: 'promote', by: 'unknown', reason: 'decided by hand' },
      { version: 2, action: 'promote', by: 'ana', reason: 'better' },
      { version: 1, action: 'rollback', by: 'ben', reason: 'worse' },
    ]);
    expect(await post('/v1/models/news/rollback', { to: 2 })).toMatchObject({ status: 202, body: { version: 2 } });
    expect(await post('/v1/models/news/versions/1/archive')).toMatchObject({ status: 202 });
  });

  it('lets a version be tried as a shadow, as the canary, and no longer', async () => {
    const tried = async () => (await ask('/v1/models/news')).body;
    const of = 'versions/2';
    expect(await post(`/v1/models/news/${of}/shadow`, { by: 'ana', reason: 'new data' })).toMatchObject({
      status: 202,
    });
    expect(await tried()).toMatchObject({ challengers: [{ version: 2, role: 'shadow', share: 0, by: 'ana' }] });
    const canary = await post(`/v1/models/news/${of}/canary`, { by: 'ana', share: 0.25 });
    expect(canary).toMatchObject({ status: 202, body: { version: 2, role: 'canary', share: 0.25 } });
    expect(await tried()).toMatchObject({ challengers: [{ version: 2, role: 'canary', share: 0.25 }] });
    const asShadow = await post(`/v1/models/news/${of}/withdraw`, { role: 'shadow' });
    expect(asShadow).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('is a canary, not a shadow') },
    });
    expect(await post(`/v1/models/news/${of}/withdraw`)).toMatchObject({ status: 202 });
    expect(await tried()).toMatchObject({ serving: { version: 1, epoch: 1 }, challengers: [] });
    for (const [path, body, status, legal] of [
      [`${of}/withdraw`, {}, 409, []],
      [`${of}/canary`, { share: 0.6 }, 409, ['canary news@2']],
      ['versions/1/shadow', {}, 409, ['shadow news@2']],
      [`${of}/canary`, {}, 422, undefined],
    ] as const)
      expect(await post(`/v1/models/news/${path}`, body)).toMatchObject({ status, body: legal ? { legal } : {} });
  });

  it('is refused with what would be allowed', async () => {
    const detail = async (answer: Promise<Answer>) => {
      const { status, body } = await answer;
      return [status, typeof body === 'object' && body !== null && 'detail' in body ? body.detail : body];
    };
    expect(await detail(post('/v1/models/news/versions/1/promote'))).toEqual([
      409,
      expect.stringMatching(/news@1 serves already/),
    ]);
    expect(await detail(post('/v1/models/news/versions/1/archive'))).toEqual([
      409,
      expect.stringMatching(/promote another version or roll back/),
    ]);
    expect(await detail(post('/v1/models/news/rollback'))).toEqual([409, expect.stringMatching(/first to serve/)]);
    expect(await detail(post('/v1/models/news/rollback', { to: 2 }))).toEqual([
      409,
      expect.stringMatching(/news@2 has never served; a rollback may go to none yet/),
    ]);
    expect(await detail(post('/v1/models/news/versions/9/promote'))).toEqual([404, expect.stringMatching(/news@9/)]);
    expect(await detail(post('/v1/models/nobody/versions/1/promote'))).toEqual([
      404,
      expect.stringMatching(/known: news/),
    ]);
    for (const version of ['0', '-1', '1.5', 'x', '1e3'])
      expect((await post(`/v1/models/news/versions/${version}/promote`)).status).toBe(404);
    expect((await post('/v1/models/news/rollback', { to: 'one' })).status).toBe(422);
    expect((await post('/v1/models/news/rollback', { too: 1 })).status).toBe(422);
    expect((await ask('/v1/models/nobody')).body).toMatchObject({ status: 404, known: ['news'] });
    expect((await ask('/v1/models/news/versions/9')).body).toMatchObject({ status: 404, known: ['news@1', 'news@2'] });
    expect((await ask('/v1/runs/nothing')).status).toBe(404);
  });
});

describe('labelled texts', () => {
  const lines = (...rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const send = (body: string, type = 'application/x-ndjson') => upload('/v1/models/news/datasets?by=ana', type, body);
  const rows = [
    { text: 'snow', label: 'b', id: '1', group: 'g' },
    { text: 'sun', label: 'a' },
  ];

  it('are kept by digest, and their model is known from then on', async () => {
    const { status, body } = await send(lines(...rows));
    expect({ status, body }).toMatchObject({ status: 201, body: { texts: 2, labels: ['a', 'b'] } });
    const [dataset] = registry.model('news')?.datasets ?? [];
    expect(body).toMatchObject({ digest: dataset?.digest });
    expect(String(await store.readBlob(dataset?.digest ?? ''))).toContain('"id":"1","text":"snow","label":"b"');
    expect(await send(lines(...rows))).toEqual({ status, body });
    expect(registry.model('news')?.datasets).toHaveLength(1);
  });

  it('may come as CSV', async () => {
    expect(await send('text,label\nsnow,a\nsun,b\n', 'text/csv')).toMatchObject({ status: 201, body: { texts: 2 } });
  });

  it('are refused with the lines that cannot be used', async () => {
    const body = `${lines(...rows)}nonsense\n${lines({ text: 1, label: 'a' }, { text: 'x', label: ' ' })}`;
    expect(await send(body)).toMatchObject({
      status: 422,
      body: {
        detail: expect.stringMatching(/^3 lines cannot be used; the first: line 3: not JSON/),
        errors: [{ pointer: '/lines/3' }, { pointer: '/lines/4' }, { pointer: '/lines/5' }],
      },
    });
    expect(registry.models()).toEqual([]);
  });

  it('need two classes', async () => {
    expect(await send(lines({ text: 'x', label: 'a' }))).toMatchObject({ status: 422 });
    expect(await send('')).toMatchObject({ status: 422 });
  });

  it('may be more than an ordinary request holds', async () => {
    const many = Array.from({ length: 30_000 }, (_, i) => ({
      text: `text number ${i} of many`,
      label: `class ${i % 3}`,
    }));
    expect(await send(lines(...many))).toMatchObject({ status: 201, body: { texts: 30_000 } });
  });

  it('that never end are refused once they are too many', async () => {
    const part = Buffer.alloc(2 ** 20, 'x');
    let sent = 0;
    const body = new ReadableStream({ pull: (to) => (sent++ < 400 ? to.enqueue(part) : to.close()) });
    const headers = { 'content-type': 'application/x-ndjson' };
    const init: RequestInit = { method: 'POST', headers, body, duplex: 'half' };
    expect(await ask('/v1/models/news/datasets', init)).toMatchObject({
      status: 413,
      body: { detail: expect.stringMatching(/in parts/) },
    });
    expect(registry.models()).toEqual([]);
  });
});
