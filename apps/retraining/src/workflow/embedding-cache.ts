import { createHash } from 'node:crypto';
import { mkdir, open, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const digestBytes = 32;
const checksumBytes = 4;

/**
 * What an encoder gave for texts before, in one file an encoder: records of sha256 of the text, float32 [dimension] and
 * CRC-32, appended. A record that was cut off by a crash, or is damaged, does not count and is made again.
 */
export class EmbeddingCache {
  readonly #path: string;
  readonly #dimension: number;
  readonly #known = new Map<string, Float32Array>();

  private constructor(path: string, dimension: number) {
    this.#path = path;
    this.#dimension = dimension;
  }

  /** @param encoder digest of the encoder */
  static async open(folder: string, { encoder, dimension }: { encoder: string; dimension: number }) {
    await mkdir(folder, { recursive: true });
    const cache = new EmbeddingCache(join(folder, `${encoder}.bin`), dimension);
    await cache.#read();
    return cache;
  }

  get(text: string): Float32Array | undefined {
    return this.#known.get(digestOf(text).toString('hex'));
  }

  /** Resolves when the records are in the file. */
  async add(texts: readonly string[], embeddings: Float32Array): Promise<void> {
    const records = texts.map((text, row) => {
      const digest = digestOf(text);
      const values = embeddings.slice(row * this.#dimension, (row + 1) * this.#dimension);
      this.#known.set(digest.toString('hex'), values);
      const body = Buffer.concat([digest, Buffer.from(values.buffer)]);
      const checksum = Buffer.alloc(checksumBytes);
      checksum.writeUInt32LE(crc32(body));
      return Buffer.concat([body, checksum]);
    });
    await using file = await open(this.#path, 'a');
    await file.appendFile(Buffer.concat(records));
    await file.datasync();
  }

  get #recordBytes(): number {
    return digestBytes + 4 * this.#dimension + checksumBytes;
  }

  async #read(): Promise<void> {
    const bytes = await readFile(this.#path).catch(() => Buffer.alloc(0));
    const size = this.#recordBytes;
    const whole = bytes.length - (bytes.length % size);
    for (let at = 0; at < whole; at += size) {
      const body = bytes.subarray(at, at + size - checksumBytes);
      if (crc32(body) !== bytes.readUInt32LE(at + size - checksumBytes)) continue;
      // Copied: the place in the file need not be a multiple of four.
      const values = new Float32Array(Uint8Array.from(body.subarray(digestBytes)).buffer);
      this.#known.set(body.toString('hex', 0, digestBytes), values);
    }
    if (whole < bytes.length) await truncate(this.#path, whole);
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
