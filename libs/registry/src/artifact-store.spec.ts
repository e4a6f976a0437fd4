import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArtifactStore } from './artifact-store.ts';
import { type TestFolder, testFolder, writeTestBundle } from './testing/bundle-folder.ts';

let folder: TestFolder;
let store: ArtifactStore;
beforeEach(async () => {
  folder = await testFolder();
  store = new ArtifactStore(join(folder.path, 'artifacts'));
});
afterEach(() => folder[Symbol.asyncDispose]());

describe('blobs', () => {
  it('come back by digest, however often they are put', async () => {
    const digests = await Promise.all(['hello', 'hello', 'other'].map((bytes) => store.putBlob(bytes)));
    expect(new Set(digests).size).toBe(2);
    expect(String(await store.readBlob(digests[0] ?? ''))).toBe('hello');
    expect(await readdir(join(store.directory, 'temporary'))).toEqual([]);
  });

  it('may come in parts; of those that end badly nothing is left', async () => {
    async function* parts(fails: boolean) {
      yield 'hel';
      if (fails) throw new Error('cut off');
      yield Buffer.from('lo');
    }
    expect(await store.putBlob(parts(false))).toBe(await store.putBlob('hello'));
    await expect(store.putBlob(parts(true))).rejects.toThrow('cut off');
    expect(await readdir(join(store.directory, 'temporary'))).toEqual([]);
    expect(await readdir(join(store.directory, 'blobs'))).toHaveLength(1);
  });

  it('are never handed out damaged, and are whole when they come again', async () => {
    const digest = await store.putBlob('hello');
    await writeFile(store.blobPath(digest), 'jello');
    await expect(store.readBlob(digest)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
    expect(await store.putBlob('hello')).toBe(digest);
    expect(String(await store.readBlob(digest))).toBe('hello');
  });

  it.each(['../../etc/passwd', '', 'A'.repeat(64), '0'.repeat(64)])('named %j are none', async (name) => {
    await expect((async () => store.readBlob(name))()).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
  });
});

describe('bundles', () => {
  it('are moved in whole, once', async () => {
    const made = join(folder.path, 'made');
    const { digest } = await writeTestBundle(made);
    const copies = ['one', 'two', 'three'].map((name) => join(folder.path, name));
    for (const copy of copies) await cp(made, copy, { recursive: true });
    expect(await Promise.all(copies.map((copy) => store.addBundle(copy)))).toEqual([digest, digest, digest]);
    expect(await store.bundles()).toEqual([digest]);
    expect(await store.bundle(digest)).toMatchObject({ digest, manifest: { model: 'news' } });
    expect((await readdir(folder.path)).toSorted()).toEqual(['artifacts', 'made']);
  });

  it.each([
    ['a changed byte', (at: string) => writeFile(join(at, 'model.onnx'), 'b graph')],
    ['a shortened file', (at: string) => writeFile(join(at, 'model.onnx'), 'a')],
    ['a file too many', (at: string) => writeFile(join(at, 'more.txt'), '')],
    ['a link', (at: string) => symlink('/etc/passwd', join(at, 'link'))],
    ['no manifest', (at: string) => writeFile(join(at, 'manifest.json'), '')],
  ])('with %s stay outside', async (_, damage) => {
    const made = join(folder.path, 'made');
    await writeTestBundle(made);
    await damage(made);
    await expect(store.addBundle(made)).rejects.toMatchObject({ code: expect.stringMatching(/^BUNDLE_/) });
    expect(await store.bundles()).toEqual([]);
  });

  it('that are not the expected one stay outside', async () => {
    const made = join(folder.path, 'made');
    await writeTestBundle(made);
    await expect(store.addBundle(made, '0'.repeat(64))).rejects.toMatchObject({ code: 'BUNDLE_DIGEST_MISMATCH' });
  });

  it('damaged in the store are taken out, so that they can come again', async () => {
    const made = join(folder.path, 'made');
    const { digest } = await writeTestBundle(made);
    await store.addBundle(made);
    await writeFile(join(store.bundleDirectory(digest) ?? '', 'model.onnx'), 'b graph');
    expect(await store.bundle(digest)).toBeUndefined();
    await writeTestBundle(made);
    expect(await store.addBundle(made)).toBe(digest);
    expect(await store.bundle(digest)).toBeDefined();
  });

  it('that cannot be read for a moment stay', async () => {
    const made = join(folder.path, 'made');
    const { digest } = await writeTestBundle(made);
    await store.addBundle(made);
    // In a process with few file descriptors, all of which are in use while the first answer is asked for.
    const script = `
      import { openSync, closeSync } from 'node:fs';
      import { ArtifactStore } from '#libs/registry';
      const store = new ArtifactStore(${JSON.stringify(store.directory)});
      const held = [];
      try { for (;;) held.push(openSync('/dev/null')); } catch {}
      const refused = await store.bundle('${digest}').catch(({ code }) => code);
      for (const descriptor of held) closeSync(descriptor);
      console.log(refused, (await store.bundle('${digest}'))?.digest);
    `;
    const node = [process.execPath, '--conditions=tidemill-source', '--input-type=module', '--eval', script];
    const limited = ['-c', 'ulimit -n 100; exec "$0" "$@"', ...node];
    const { stdout } = await promisify(execFile)('sh', limited, { cwd: import.meta.dirname });
    expect(stdout.trim()).toBe(`BUNDLE_UNREADABLE ${digest}`);
  });

  it.each(['../secret', '..', '', '0'.repeat(64)])('named %j are none', async (name) => {
    await mkdir(join(folder.path, 'artifacts', 'secret'), { recursive: true });
    expect(store.bundleDirectory(name)).toBeUndefined();
  });
});

it('sweeps temporary folders that nobody works on any more, and no others', async () => {
  const temporary = join(folder.path, 'artifacts', 'temporary');
  for (const name of ['left', 'used']) await mkdir(join(temporary, name), { recursive: true });
  await writeFile(join(temporary, 'left', 'model.onnx'), 'half a model');
  const now = Date.UTC(2026, 0, 10);
  await utimes(join(temporary, 'left'), now / 1000 - 90_000, now / 1000 - 90_000);
  await utimes(join(temporary, 'used'), now / 1000 - 3600, now / 1000 - 3600);
  await store.sweepTemporary(now);
  expect(await readdir(temporary)).toEqual(['used']);
  await new ArtifactStore(join(folder.path, 'none')).sweepTemporary(now);
});
