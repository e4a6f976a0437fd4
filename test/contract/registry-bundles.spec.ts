import { execFile } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRetraining } from '../../apps/retraining/src/retraining.app.ts';
import { freePort } from '../../libs/embedded/src/ports.ts';
import { writeTestBundle } from '../../libs/model/src/testing/test-bundle.ts';
import { writeOptimumFolder } from '../../libs/model/src/testing/test-transformer.ts';
import type { RunningApp } from '#libs/http';
import { type Bundle, readBundle } from '#libs/model';
import { createMetrics, Readiness, silentLogger, systemClock } from '#libs/platform';
import { RestClient } from './rest-client.ts';
import { type RestStack, startRestStack } from './rest-stack.ts';

const binary = fileURLToPath(new URL('../../infra/bin/tidemill.js', import.meta.url));

let stack: RestStack;
let retraining: RunningApp;
let client: RestClient;
let folder: string;
let bundle: Bundle;

beforeAll(async () => {
  const port = await freePort([0]);
  const retrainingUrl = `http://127.0.0.1:${port}`;
  stack = await startRestStack({ 'retraining.url': retrainingUrl, 'retraining.port': port });
  const services = { logger: silentLogger, metrics: createMetrics(), clock: systemClock, readiness: new Readiness() };
  const { config, stream, clickhouse } = stack;
  retraining = await createRetraining({ ...services, config, stream, clickhouse });
  client = await RestClient.connect(stack.url);
  folder = await mkdtemp(join(tmpdir(), 'tidemill-bundles-'));
  bundle = await writeTestBundle(join(folder, 'made'), { model: 'words' });
});
afterAll(async () => {
  await retraining.close();
  await stack[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function tidemill(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('TIDEMILL__') && name !== 'NODE_OPTIONS',
  );
  const options = { cwd: folder, env: Object.fromEntries(inherited) };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [binary, ...args, '--url', stack.url], options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

describe('a bundle made elsewhere', () => {
  it('is imported, promoted, shown and exported with the same digest', async () => {
    const imported = await tidemill('models', 'import', 'made', '--model', 'words', '--reason', 'from the lab');
    expect(imported).toMatchObject({ code: 0, stdout: expect.stringContaining('imported as words@1') });
    expect(await tidemill('models', 'promote', 'words@1', '--reason', 'first')).toMatchObject({ code: 0 });
    const shown = await tidemill('models', 'show', 'words@1', '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      stage: 'production',
      digest: bundle.digest,
      reason: 'from the lab',
    });
    expect(await tidemill('models', 'export', 'words@1', 'exported')).toMatchObject({ code: 0 });
    expect((await readBundle(join(folder, 'exported'))).digest).toBe(bundle.digest);
  });

  it('is shown over REST as documented', async () => {
    const paths = [
      '/v1/models',
      '/v1/models/words',
      '/v1/models/words/versions',
      '/v1/models/words/versions/1',
      '/v1/runs',
      `/v1/bundles/${bundle.digest}`,
      `/v1/bundles/${bundle.digest}/manifest.json`,
    ];
    for (const path of paths) expect((await client.get(path)).status).toBe(200);
    for (const path of ['/v1/models/nobody', '/v1/models/words/versions/9', `/v1/bundles/${'0'.repeat(64)}`])
      expect((await client.get(path)).status).toBe(404);
    expect((await client.post('/v1/models/words/versions/1/promote', {})).status).toBe(409);
    expect((await client.post('/v1/models/words/rollback', {})).status).toBe(409);
    expect((await client.post('/v1/models/words/versions/1/archive', {})).status).toBe(409);
  });

  it('is refused in a sentence when it has been tampered with', async () => {
    await writeTestBundle(join(folder, 'bad'), { model: 'words', variant: 1 });
    await appendFile(join(folder, 'bad', 'model.onnx'), 'x');
    const { code, stderr } = await tidemill('models', 'import', 'bad', '--model', 'words');
    expect(code).toBe(1);
    expect(stderr).toContain('model.onnx has other bytes than the manifest says');
    expect((await client.get('/v1/models/words')).body).toMatchObject({ versions: [{ version: 1 }] });
  });

  it('may be larger than an ordinary request', async () => {
    const labels = Array.from({ length: 60 }, (_, i) => `class ${i}`).concat('north');
    const large = await writeTestBundle(join(folder, 'large'), { model: 'words', labels });
    expect((await stat(join(large.directory, 'model.onnx'))).size).toBeGreaterThan(1_048_576);
    const imported = await tidemill('models', 'import', 'large', '--model', 'words', '--json');
    expect(imported).toMatchObject({ code: 0 });
    expect(JSON.parse(imported.stdout)).toMatchObject({ version: 2, digest: large.digest });
  });

  it('may be a folder as Optimum exports it, with whatever else lies in it', async () => {
    await writeOptimumFolder(join(folder, 'export'));
    await mkdir(join(folder, 'export', '.git'));
    await writeFile(join(folder, 'export', '.git', 'HEAD'), 'ref: main');
    const imported = await tidemill('models', 'import', 'export', '--model', 'transformer', '--json');
    expect(imported).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(imported.stdout)).toMatchObject({ version: 1, labels: ['north', 'south', 'west'] });
    await mkdir(join(folder, 'export', 'onnx'));
    await rename(join(folder, 'export', 'model.onnx'), join(folder, 'export', 'onnx', 'model.onnx'));
    const asOnTheHub = await tidemill('models', 'import', 'export', '--model', 'transformer', '--json');
    expect(asOnTheHub).toMatchObject({ code: 0, stdout: imported.stdout });
    await rm(join(folder, 'export', 'onnx'), { recursive: true });
    await writeOptimumFolder(join(folder, 'export'), { config: { id2label: { 0: 'a', 1: 'b' }, label2id: undefined } });
    const refused = await tidemill('models', 'import', 'export', '--model', 'transformer');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('gives 3 classes, there are 2 labels') });
  });
});
