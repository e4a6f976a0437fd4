import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { filePattern } from '#libs/model';
import { registryError } from './errors.ts';

const blockBytes = 512;
/** Names and times that do not fit the header; nothing a bundle needs. */
const extensionTypes = new Set(['x', 'g']);
const maximumExtensionBytes = 65_536;
const maximumFiles = 1000;

/**
 * Unpacks the plain files of a tar archive (POSIX ustar) into a folder while it arrives.
 * @throws TidemillError ARCHIVE_INVALID for links, devices, names that leave the folder or come twice, and for archives
 * that are damaged, cut off, or hold more than `maximumBytes`
 */
export async function unpackTar(
  chunks: AsyncIterable<Uint8Array>,
  folder: string,
  { maximumBytes }: { maximumBytes: number },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const source = new BlockSource(chunks);
  const names = new Set<string>();
  const folders = new Set<string>();
  let total = 0;
  for (;;) {
    const block = await source.block();
    if (block === undefined || block.every((byte) => byte === 0)) break;
    const { name, size, type } = parseHeader(block);
    total += size;
    if (total > maximumBytes) throw invalid(`it holds more than ${maximumBytes} bytes`);
    if (type === '5' || (extensionTypes.has(type) && size <= maximumExtensionBytes)) {
      await source.content(size, () => undefined);
      continue;
    }
    if (type !== '0' && type !== '\0') throw invalid(`${JSON.stringify(name)} is not a plain file`);
    const path = name.replace(/^\.\//, '');
    if (!filePattern.test(path)) throw invalid(`${JSON.stringify(name)} is not an allowed file name`);
    // Some file systems do not tell upper from lower case.
    const lower = path.toLowerCase();
    if (names.has(lower)) throw invalid(`${path} is there twice`);
    names.add(lower);
    folders.add(dirname(lower));
    if (folders.has(lower) || names.has(dirname(lower)))
      throw invalid(`with ${path} a name is there as a file and as a folder`);
    if (names.size > maximumFiles) throw invalid(`it holds more than ${maximumFiles} files`);
    await writeContent(source, join(folder, path), size);
  }
  if (names.size === 0) throw invalid('it holds no files');
  await source.drain(blockBytes * 1024);
}

async function writeContent(source: BlockSource, target: string, size: number): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await using file = await open(target, 'wx');
  await source.content(size, (part) => file.writeFile(part));
}

function parseHeader(block: Uint8Array): { name: string; size: number; type: string } {
  const text = (start: number, length: number) => {
    const field = block.subarray(start, start + length);
    const end = field.indexOf(0);
    return Buffer.from(end === -1 ? field : field.subarray(0, end)).toString('utf8');
  };
  const octal = (start: number, length: number) => {
    const digits = text(start, length).trim();
    return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  };
  // The checksum counts its own field as spaces.
  let sum = 8 * 32;
  for (const [at, byte] of block.entries()) if (at < 148 || at >= 156) sum += byte;
  if (octal(148, 8) !== sum)
    throw invalid('a header is damaged, or it is no tar archive (compressed ones are not read)');
  const size = octal(124, 12);
  if (Number.isNaN(size)) throw invalid('a file has no readable size');
  const prefix = text(257, 5) === 'ustar' && text(263, 2) === '00' ? text(345, 155) : '';
  const name = text(0, 100);
  return { name: prefix === '' ? name : `${prefix}/${name}`, size, type: String.fromCharCode(block[156] ?? 0) };
}

/** The archive as blocks; holds one chunk of the stream and no more. */
class BlockSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Undefined at the end of the stream. */
  async block(): Promise<Uint8Array | undefined> {
    const block = new Uint8Array(blockBytes);
    let filled = 0;
    while (filled < blockBytes) {
      const part = await this.#take(blockBytes - filled);
      if (part === undefined && filled === 0) return undefined;
      if (part === undefined) throw invalid('it ends in the middle');
      block.set(part, filled);
      filled += part.length;
    }
    return block;
  }

  /** The bytes of a file, and the padding after it. */
  async content(size: number, take: (part: Uint8Array) => Promise<void> | void): Promise<void> {
    for (let left = size; left > 0;) {
      const part = await this.#take(left);
      if (part === undefined) throw invalid('it ends in the middle of a file');
      left -= part.length;
      await take(part);
    }
    for (let padding = (blockBytes - (size % blockBytes)) % blockBytes; padding > 0;) {
      const part = await this.#take(padding);
      if (part === undefined) throw invalid('it ends in the middle of a file');
      padding -= part.length;
    }
  }

  /** What follows the last file: the sender should not find its connection cut. */
  async drain(maximumBytes: number): Promise<void> {
    for (let read = 0; read <= maximumBytes;) {
      const part = await this.#take(blockBytes);
      if (part === undefined) return;
      read += part.length;
    }
    throw invalid('it goes on after its end');
  }

  async #take(most: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      this.#rest = next.value;
    }
    const part = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }
}

function invalid(detail: string) {
  return registryError('ARCHIVE_INVALID', { detail });
}
