import { cp, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, parseManifest, readBundle, writeBundle } from './bundle.ts';
import { temporaryFolder, writeTestBundle } from './testing/test-bundle.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundle: Bundle;
let copies = 0;
beforeAll(async () => {
  folder = await temporaryFolder();
  bundle = await writeTestBundle(join(folder.path, 'original'));
});
afterAll(() => folder[Symbol.asyncDispose]());

async function copy(): Promise<string> {
  const path = join(folder.path, `copy-${copies++}`);
  await cp(bundle.directory, path, { recursive: true });
  return path;
}

describe('a bundle', () => {
  it('is read back as it was written, under the same digest', async () => {
    const read = await readBundle(bundle.directory, bundle.digest);
    expect(read).toStrictEqual(bundle);
  });

  it('has the same digest wherever and whenever it is written', async () => {
    const again = await writeTestBundle(join(folder.path, 'again'));
    expect(again.digest).toBe(bundle.digest);
    expect((await writeTestBundle(join(folder.path, 'other'), { variant: 1 })).digest).not.toBe(bundle.digest);
  });

  it('is refused when truncated, when a file is missing, added or a link', async () => {
    const truncated = await copy();
    const model = join(truncated, 'model.onnx');
    await writeFile(model, (await readFile(model)).subarray(0, 100));
    await expect(readBundle(truncated)).rejects.toMatchObject({ code: 'BUNDLE_DIGEST_MISMATCH' });
    const added = await copy();
    await writeFile(join(added, 'weights.bin'), 'x');
    await expect(readBundle(added)).rejects.toThrow('weights.bin is not named in the manifest');
    const linked = await copy();
    await symlink('/etc/hostname', join(linked, 'link'));
    await expect(readBundle(linked)).rejects.toThrow('link is not named in the manifest');
    await expect(readBundle(join(folder.path, 'nowhere'))).rejects.toThrow('manifest.json cannot be read');
  });

  it('is refused when its manifest is longer than anyone would write', async () => {
    const path = await copy();
    await truncate(join(path, 'manifest.json'), 2 ** 29); // a hole: it takes no room on the disk
    await expect(readBundle(path)).rejects.toThrow('manifest.json has 536870912 bytes; at most 64 MiB are read');
  });

  // Objects have these by nature.
  it.each(['toString', 'constructor', '__proto__'])('is refused when a file %s is added', async (name) => {
    const added = await copy();
    await writeFile(join(added, name), 'x');
    await expect(readBundle(added)).rejects.toThrow(`${name} is not named in the manifest`);
  });

  it('cannot name a file outside its folder', async () => {
    for (const path of ['../model.onnx', '/etc/passwd', 'a/../../b', '.hidden', 'a//b', 'a\\b', '']) {
      const files = { 'model.onnx': '0'.repeat(64), [path]: '0'.repeat(64) };
      expect(() => parseManifest(JSON.stringify({ ...bundle.manifest, files })), path).toThrow('not valid');
    }
  });

  it('says which field of a manifest is wrong', () => {
    const wrong = (change: object) => () => parseManifest(JSON.stringify({ ...bundle.manifest, ...change }));
    expect(wrong({ labels: ['one'] })).toThrow('labels');
    expect(wrong({ labels: ['one', 'one'] })).toThrow('labels must be distinct');
    expect(wrong({ temperature: 0 })).toThrow('temperature');
    expect(wrong({ extra: 1 })).toThrow('extra');
    expect(wrong({ files: {} })).toThrow('files must name model.onnx');
    expect(() => parseManifest('{')).toThrow('manifest.json is not JSON');
    // What is quoted stays one line.
    expect(() => parseManifest('{\n"labels":\n!')).toThrow(/^.*manifest\.json is not JSON.*$/);
    expect(() => parseManifest(`{ "files": { "${'x/'.repeat(5000)}": "" } }`)).toThrow(/^.{30,700}$/);
  });

  it('is not written with a label list that its golden texts do not fit', async () => {
    const { format: _format, files: _files, ...manifest } = bundle.manifest;
    const writing = writeBundle(
      join(folder.path, 'wrong'),
      { ...manifest, labels: ['a', 'b', 'c'] },
      { 'model.onnx': 'x' },
    );
    await expect(writing).rejects.toThrow('every golden text needs one probability a label');
  });
});
