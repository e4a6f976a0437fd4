import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadConfig } from '#libs/platform';
import { readArtifactLock } from './artifact-lock.ts';
import { lockDirectory } from './directory-lock.ts';
import { fetchEncoder } from './encoder.ts';
import { folderOf } from './install.ts';

let root: string;
let cached: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tidemill-encoder-'));
  cached = folderOf('encoder-minilm', (await readArtifactLock())['encoder-minilm'], { cacheDirectory: root });
  await mkdir(join(cached, 'encoder'), { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

/** From a repository that has nothing. */
function fetchMinilm(onProgress: (text: string) => void = () => undefined, signal?: AbortSignal) {
  const { java } = loadConfig({ env: {} }).config;
  const environment = { home: root, cacheDirectory: root, javaHome: '', path: [] };
  const config = { java: { ...java, mavenRepository: join(root, 'nothing') } };
  return fetchEncoder('minilm', { config, environment, onProgress, signal });
}

it('is fetched again when its files in the cache are not what they were', async () => {
  for (const name of ['model.onnx', 'tokenizer.json']) await writeFile(join(cached, 'encoder', name), 'damaged');
  await expect(fetchMinilm()).rejects.toMatchObject({ code: 'ARTIFACT_UNREACHABLE' });
});

it('is waited for no longer when the service closes, while another process fetches it', async () => {
  const closing = new AbortController();
  const lock = await lockDirectory(cached);
  const waiting = fetchMinilm(() => closing.abort(), closing.signal);
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  if ('release' in lock) await lock.release();
});
