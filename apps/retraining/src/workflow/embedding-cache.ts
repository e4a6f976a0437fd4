import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, truncate } from 'node:fs/promises';
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

  /**
   * @param encoder digest of what decides the vectors: the encoder, and what runs it
   * @param texts the known ones among these are held
   * @throws what the file system says, unless it is that there is no file yet
   */
  static async open(
    folder: string,
    { encoder, dimension, texts }: { encoder: string; dimension: number; texts: readonly string[] },
  ) {
    await mkdir(folder, { recursive: true });
    const cache = new EmbeddingCache(join(folder, `${encoder}.bin`), dimension);
    await cache.#read(new Set(texts.map((text) => digestOf(text).toString('hex'))));
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

  /** In parts: the file grows with every new text, and what is not wanted is not held. */
  async #read(wanted: ReadonlySet<string>): Promise<void> {
    const size = this.#recordBytes;
    let rest: Buffer = Buffer.alloc(0);
    let whole = 0;
    try {
      for await (const part of createReadStream(this.#path, { highWaterMark: 2 ** 20 })) {
        const bytes = Buffer.concat([rest, part]);
        const end = bytes.length - (bytes.length % size);
        for (let at = 0; at < end; at += size) this.#take(bytes.subarray(at, at + size), wanted);
        rest = bytes.subarray(end);
        whole += end;
      }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      throw error;
    }
    if (rest.length > 0) await truncate(this.#path, whole);
  }

  #take(record: Buffer, wanted: ReadonlySet<string>): void {
    const digest = record.toString('hex', 0, digestBytes);
    if (!wanted.has(digest)) return;
    const body = record.subarray(0, -checksumBytes);
    if (crc32(body) !== record.readUInt32LE(body.length)) return;
    // Copied: the place in the file need not be a multiple of four.
    this.#known.set(digest, new Float32Array(Uint8Array.from(body.subarray(digestBytes)).buffer));
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
