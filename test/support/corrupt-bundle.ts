import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { drawKey, integerBetween, type Random } from '../../apps/standalone/src/streams/random.ts';
import { type Bundle, hostModel, inspectBundle, ModelHost, readBundle, sha256 } from '#libs/model';
import { reasonOf, TidemillError } from '#libs/platform';

/** Files of a bundle by their path. */
export type Files = ReadonlyMap<string, Buffer>;

export async function filesOf(bundle: Bundle): Promise<Files> {
  const paths = Object.keys(bundle.files);
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(bundle.directory, path))] as const)),
  );
}

/** Writes into a folder that holds `before` what differs in `after`. */
export async function replaceFiles(directory: string, before: Files, after: Files): Promise<void> {
  for (const [path, content] of after)
    if (content !== before.get(path)) await writeFile(join(directory, path), content);
}

type Damage = (bytes: Buffer, random: Random) => Buffer;

const place = (bytes: Buffer, random: Random) => integerBetween(random, 0, Math.max(0, bytes.length - 1));
const range = (bytes: Buffer, random: Random) => {
  const from = place(bytes, random);
  return { from, to: Math.min(bytes.length, from + integerBetween(random, 1, 64)) };
};

/** What disks, networks, programs and attackers do to a file; each is as likely as its name is often drawn. */
const damages: Record<string, Damage> = {
  'a bit flipped': (bytes, random) => {
    const at = place(bytes, random);
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ (1 << integerBetween(random, 0, 7));
    return copy;
  },
  'bytes replaced': (bytes, random) => {
    const { from, to } = range(bytes, random);
    const copy = Buffer.from(bytes);
    for (let at = from; at < to; at++) copy[at] = integerBetween(random, 0, 255);
    return copy;
  },
  zeroed: (bytes, random) => {
    const { from, to } = range(bytes, random);
    return Buffer.from(bytes).fill(0, from, to);
  },
  'cut off': (bytes, random) => bytes.subarray(0, place(bytes, random)),
  'bytes taken out': (bytes, random) => {
    const { from, to } = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  'bytes put in': (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.alloc(integerBetween(random, 1, 64), 0x30),
      bytes.subarray(at),
    ]);
  },
  'a part doubled': (bytes, random) => {
    const { from, to } = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  emptied: () => Buffer.alloc(0),
};
const weights = {
  ...Object.fromEntries(Object.keys(damages).map((name) => [name, 1])),
  'a bit flipped': 4,
  emptied: 0.2,
};

/** Damages one file of a bundle. */
export function corrupt(files: Files, random: Random): { files: Files; path: string; what: string } {
  const path = drawKey(random, Object.fromEntries([...files.keys()].map((name) => [name, 1])));
  const before = files.get(path) ?? Buffer.alloc(0);
  for (;;) {
    const what = drawKey(random, weights);
    const after = damages[what]?.(before, random) ?? before;
    if (!after.equals(before)) return { files: new Map([...files, [path, after]]), path, what };
  }
}

/** The manifest made to name the files as they are now, where it can still be read: what a broken exporter does. */
export function withDigests(files: Files): Files {
  try {
    const manifest = JSON.parse(files.get('manifest.json')?.toString('utf8') ?? '');
    for (const [path, content] of files) if (path !== 'manifest.json') manifest.files[path] = sha256(content);
    return new Map([...files, ['manifest.json', Buffer.from(JSON.stringify(manifest))]]);
  } catch {
    return files;
  }
}

/** How far a bundle comes on its way to serving: where it is refused, and in which words. */
export interface Journey {
  stage: 'digest' | 'inspection' | 'host' | 'serves';
  sentence: string;
}

/**
 * The way of a bundle that is imported, or fetched by its digest when `expected` is given.
 * @param openHost false leaves a bundle that passes inspection at stage `host`, without a sentence.
 */
export async function journeyOf(
  directory: string,
  { expected, openHost }: { expected?: string; openHost: boolean },
): Promise<Journey> {
  let stage: Journey['stage'] = 'digest';
  try {
    const bundle = await readBundle(directory, expected);
    stage = 'inspection';
    await inspectBundle(bundle);
    stage = 'host';
    if (!openHost) return { stage, sentence: '' };
    await using host = await ModelHost.open(hostModel(bundle), {
      executionProviders: ['cpu'],
      threads: 1,
      timeout: 20_000,
    });
    // What the host opened it answers, and every answer is a distribution, or it throws.
    await host.classify(['', 'a b c', '🙂 漢字 я', 'x'.repeat(3000)]);
    return { stage: 'serves', sentence: '' };
  } catch (error) {
    // Anything else would be a bug: the process that looks at bundles from outside must not be surprised by one.
    if (!(error instanceof TidemillError)) throw error;
    return { stage, sentence: reasonOf(error) };
  }
}
