import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EmbeddingCache } from './embedding-cache.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'tidemill-embeddings-'))));
afterEach(() => rm(folder, { recursive: true }));

const encoder = 'e'.repeat(64);
const open = (...texts: string[]) => EmbeddingCache.open(folder, { encoder, dimension: 3, texts });
const path = () => join(folder, `${encoder}.bin`);

it('knows what it was told before, by encoder and text', async () => {
  const cache = await open();
  await cache.add(['a', 'b'], Float32Array.of(1, 2, 3, 4, 5, 6));
  await cache.add(['ü 𝒳 \ud800'], Float32Array.of(7, 8, 9));
  const again = await open('b', 'c', 'ü 𝒳 \ud800');
  expect(again.get('b')).toStrictEqual(Float32Array.of(4, 5, 6));
  expect(again.get('ü 𝒳 \ud800')).toStrictEqual(Float32Array.of(7, 8, 9));
  expect(again.get('c')).toBeUndefined();
  const other = await EmbeddingCache.open(folder, { encoder: 'f'.repeat(64), dimension: 3, texts: ['a'] });
  expect(other.get('a')).toBeUndefined();
});

it('holds only what is asked for', async () => {
  await (await open()).add(['a', 'b'], Float32Array.of(1, 2, 3, 4, 5, 6));
  const again = await open('b');
  expect([again.get('a'), again.get('b')]).toStrictEqual([undefined, Float32Array.of(4, 5, 6)]);
});

it('goes on after a record that a crash cut off', async () => {
  await (await open()).add(['a'], Float32Array.of(1, 2, 3));
  await appendFile(path(), 'cut off');
  const cache = await open();
  await cache.add(['b'], Float32Array.of(4, 5, 6));
  const again = await open('a', 'b');
  expect([again.get('a'), again.get('b')]).toStrictEqual([Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)]);
});

it('does not believe a damaged record', async () => {
  await (await open()).add(['a', 'b'], Float32Array.of(1, 2, 3, 4, 5, 6));
  const bytes = await readFile(path());
  bytes[40] = (bytes[40] ?? 0) ^ 1;
  await writeFile(path(), bytes);
  const cache = await open('a', 'b');
  expect([cache.get('a'), cache.get('b')]).toStrictEqual([undefined, Float32Array.of(4, 5, 6)]);
});

it('is read in parts, over whose borders records lie', async () => {
  const dimension = 1000;
  const texts = Array.from({ length: 700 }, (_, i) => `text ${i}`);
  const wide = () => EmbeddingCache.open(folder, { encoder, dimension, texts });
  const embeddings = Float32Array.from({ length: texts.length * dimension }, (_, i) => i);
  await (await wide()).add(texts, embeddings);
  const again = await wide();
  const known = texts.map((text) => [again.get(text)?.[0], again.get(text)?.[dimension - 1]]);
  expect(known).toStrictEqual(texts.map((_, row) => [row * dimension, (row + 1) * dimension - 1]));
});

it('is not taken for empty when it cannot be read', async () => {
  await mkdir(path());
  await expect(open('a')).rejects.toMatchObject({ code: 'EISDIR' });
});
