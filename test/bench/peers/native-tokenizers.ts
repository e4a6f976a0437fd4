import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pythonWith } from './python.ts';

const run = promisify(execFile);
const version = '0.23.2';

interface NativeEncoding {
  getIds(): number[];
}

/** Native `tokenizers` from Hugging Face, as far as it is compared. */
export interface NativeTokenizer {
  encode(text: string): Promise<NativeEncoding>;
  encodeBatch(texts: string[]): Promise<NativeEncoding[]>;
}

/** Its package for Node in a scratch folder outside the clone; installed once. */
export async function nativeTokenizer(json: string): Promise<NativeTokenizer> {
  const folder = join(tmpdir(), `tidemill-bench-tokenizers-${version}`);
  if (!existsSync(join(folder, 'node_modules/tokenizers'))) {
    process.stderr.write(`installing tokenizers ${version} into ${folder}\n`);
    await mkdir(folder, { recursive: true });
    await run('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-save', `tokenizers@${version}`]);
  }
  const library: { Tokenizer: { fromString(json: string): NativeTokenizer } } = createRequire(join(folder, 'peer.js'))(
    'tokenizers',
  );
  return library.Tokenizer.fromString(json);
}

/** The character map of XLM-R's normaliser, which native `tokenizers` needs and the JavaScript library does not look at. */
export async function charsmap(): Promise<string> {
  const python = await pythonWith('requirements-tokenizers.txt');
  const { stdout } = await run(python, [join(import.meta.dirname, 'charsmap.py')], { maxBuffer: 2 ** 22 });
  return stdout.trim();
}
