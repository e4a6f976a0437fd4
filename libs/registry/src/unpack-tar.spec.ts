import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestFolder, testFolder } from './testing/bundle-folder.ts';
import { unpackTar } from './unpack-tar.ts';

const run = promisify(execFile);

let folder: TestFolder;
let from: string;
let into: string;
beforeEach(async () => {
  folder = await testFolder();
  from = join(folder.path, 'from');
  into = join(folder.path, 'into');
  await mkdir(join(from, 'data'), { recursive: true });
  await writeFile(join(from, 'model.onnx'), Buffer.alloc(1500, 7));
  await writeFile(join(from, 'empty.json'), '');
  await writeFile(join(from, 'data', 'reference.json'), '{}');
});
afterEach(() => folder[Symbol.asyncDispose]());

/** What the system's own tar makes of the folder. */
async function tar(...words: string[]): Promise<Buffer> {
  const { stdout } = await run('tar', ['-c', '-f', '-', '-C', from, ...words], { encoding: 'buffer' });
  return stdout;
}

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const unpack = (bytes: Uint8Array, { chunk = 4096, maximumBytes = 1e6 } = {}) =>
  unpackTar(inChunks(bytes, chunk), into, { maximumBytes });

describe('unpackTar', () => {
  it.each([1, 100, 512, 700, 1e6])('reads what tar writes, in chunks of %i bytes', async (chunk) => {
    await unpack(await tar('.'), { chunk });
    expect((await readdir(into, { recursive: true })).toSorted()).toEqual([
      'data',
      'data/reference.json',
      'empty.json',
      'model.onnx',
    ]);
    expect(await readFile(join(into, 'model.onnx'))).toEqual(Buffer.alloc(1500, 7));
  });

  it.each(['ustar', 'pax', 'gnu'])('reads the %s format', async (format) => {
    await unpack(await tar(`--format=${format}`, 'model.onnx', 'data'));
    expect((await readdir(into)).toSorted()).toEqual(['data', 'model.onnx']);
  });

  it.each([
    ['../escaped', '--transform=s,model.onnx,../escaped,'],
    ['/absolute', '--transform=s,model.onnx,/absolute,'],
    ['a/../../escaped', '--transform=s,model.onnx,a/../../escaped,'],
    ['.hidden', '--transform=s,model.onnx,.hidden,'],
    ['a/b/c', '--transform=s,model.onnx,a/b/c,'],
  ])('refuses a file named %s', async (_, transform) => {
    await expect(unpack(await tar('-P', transform, 'model.onnx'))).rejects.toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringMatching(/is not an allowed file name/),
    });
    expect((await readdir(folder.path)).toSorted()).toEqual(['from', 'into']);
    expect(await readdir(into)).toEqual([]);
  });

  it('refuses links', async () => {
    await symlink('/etc/passwd', join(from, 'link'));
    await expect(unpack(await tar('link'))).rejects.toThrow(/"link" is not a plain file/);
  });

  it('refuses a file that comes twice, in whatever case', async () => {
    const twice = await tar('model.onnx', 'empty.json', '--transform=s,empty.json,MODEL.onnx,');
    await expect(unpack(twice)).rejects.toThrow(/MODEL.onnx is there twice/);
  });

  it.each([
    ['before', 'data', 'model.onnx'],
    ['after', 'model.onnx', 'data'],
  ])('refuses a file with the name of a folder, %s its files', async (_, ...words) => {
    await expect(unpack(await tar('--transform=s,model.onnx,DATA,', ...words))).rejects.toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringMatching(/a name is there as a file and as a folder/),
    });
  });

  it('refuses more bytes than allowed before it writes them', async () => {
    await expect(unpack(await tar('model.onnx'), { maximumBytes: 1000 })).rejects.toThrow(/more than 1000 bytes/);
    expect(await readdir(into)).toEqual([]);
  });

  it('refuses what is cut off, damaged, compressed, empty or endless', async () => {
    const whole = await tar('model.onnx');
    await expect(unpack(whole.subarray(0, 900))).rejects.toThrow(/ends in the middle/);
    await expect(unpack(whole.subarray(0, 300))).rejects.toThrow(/ends in the middle/);
    const damaged = Buffer.from(whole);
    damaged[0] = 0x6e;
    into += '-damaged';
    await expect(unpack(damaged)).rejects.toThrow(/a header is damaged/);
    await expect(unpack(await tar('-z', 'model.onnx'))).rejects.toThrow(/compressed|ends in the middle/);
    await expect(unpack(Buffer.alloc(0))).rejects.toThrow(/holds no files/);
    await expect(unpack(Buffer.concat([await tar('empty.json'), Buffer.alloc(1e6)]))).rejects.toThrow(/goes on/);
  });
});
