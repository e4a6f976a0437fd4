import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Line, type LineFormat, fileLines } from '#libs/lines';
import { usageError } from '../cli-error.ts';

/** A text of 1 MiB with its JSON escapes. */
const maximumLineBytes = 8 * 1024 ** 2;

export function formatOf(file: string, wanted: string | undefined): LineFormat {
  if (wanted === 'jsonl' || wanted === 'csv') return wanted;
  if (wanted !== undefined) throw usageError(`--format ${wanted} is not known: jsonl or csv`);
  return extname(file).toLowerCase() === '.csv' ? 'csv' : 'jsonl';
}

/** The bytes of a file, or of stdin for `-`. */
export async function openInput(file: string): Promise<AsyncIterable<Uint8Array>> {
  if (file === '-') return process.stdin;
  // A folder can be opened too, and fails only when it is read. Named pipes and the like are fine.
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || found.isDirectory())
    throw usageError(`${file} cannot be read; name a file, or - for stdin`);
  return createReadStream(file);
}

export async function* openLines(file: string, format: LineFormat): AsyncGenerator<Line> {
  yield* fileLines(format, await openInput(file), { maximumBytes: maximumLineBytes });
}
