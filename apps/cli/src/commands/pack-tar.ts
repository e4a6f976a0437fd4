import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { usageError } from '../cli-error.ts';

const blockBytes = 512;
const maximumNameBytes = 100;

/** The files of a folder as a tar archive (POSIX ustar); names are relative, with forward slashes. */
export async function* packTar(directory: string, files: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    const path = join(directory, file);
    const { size } = await stat(path);
    yield header(file, size);
    let sent = 0;
    for await (const chunk of createReadStream(path)) {
      const bytes = Buffer.from(chunk);
      sent += bytes.length;
      yield bytes;
    }
    if (sent !== size) throw usageError(`${path} changed while it was read; try again`);
    yield Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
  }
  yield Buffer.alloc(2 * blockBytes);
}

function header(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) > maximumNameBytes) throw usageError(`the file name ${name} is too long for a bundle`);
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0);
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.fill(' ', 148, 156);
  block.write('0ustar\x0000', 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
