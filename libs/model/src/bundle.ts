import { createHash } from 'node:crypto';
import { mkdir, open, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { reasonOf, TidemillError } from '#libs/platform';
import { modelError, refusal } from './errors.ts';

/** A bundle larger than this is refused before it is read; ONNX files cannot be larger anyhow. */
export const maximumBundleBytes = 2 ** 31;

/** Of a file that is hashed, read at once. */
const partBytes = 2 ** 18;
/** Golden texts are the most of a manifest. */
const maximumManifestMebibytes = 64;

const sha256Pattern = /^[0-9a-f]{64}$/;
/** Relative, one folder deep at most, nothing hidden: no name from outside can leave the bundle's folder. */
export const filePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)?$/;

const goldenText = z.strictObject({
  text: z.string(),
  /** In the order of `labels`. */
  probabilities: z.array(z.number()),
});

/** The longest text of kind `tokens`. */
export const mostTokens = 100_000;
/** Every graph of kind `tokens` takes these two; padding would change the answers of one without a mask. */
const requiredInputs = ['input_ids', 'attention_mask'] as const;

const inputSchema = z.discriminatedUnion('kind', [
  /** The graph makes its own n-grams of UTF-16 code units. */
  z.strictObject({ kind: z.literal('utf16'), maximumCharacters: z.number().int().min(1).max(100_000) }),
  /** A transformer: the host makes token ids with the bundle's tokenizer.json. */
  z.strictObject({
    kind: z.literal('tokens'),
    /** Special tokens included; a longer text keeps its head and its special tokens. */
    maximumTokens: z.number().int().min(3).max(mostTokens),
    /** Inputs of the graph, each int64 [rows, tokens]. */
    inputs: z
      .array(z.enum([...requiredInputs, 'token_type_ids']))
      .refine(
        (inputs) => requiredInputs.every((name) => inputs.includes(name)) && new Set(inputs).size === inputs.length,
        `inputs must be distinct and hold ${requiredInputs.join(' and ')}`,
      ),
    /** What stands behind the end of a text; masked, but some graphs count positions by it. */
    padTokenId: z.number().int().min(0).default(0),
    /**
     * Each text is run alone: a graph that quantises its activations while it runs gives answers that depend on the
     * other texts of a run.
     */
    alone: z.boolean().default(false),
  }),
]);

const manifestSchema = z
  .strictObject({
    format: z.literal(1),
    model: z.string(),
    /** In the order of the graph's output columns. */
    labels: z.array(z.string().min(1)).min(2),
    input: inputSchema,
    /** What the graph gives, float32 [rows, labels]; logits become probabilities in the host. */
    output: z.enum(['probabilities', 'logits']).default('probabilities'),
    /** Texts the version must answer as recorded before it may serve; at least one is as long as the model takes. */
    goldenTexts: z.array(goldenText).min(1),
    /** Logits are divided by it; probabilities have been already. */
    temperature: z.number().positive(),
    trainer: z.string(),
    /** Every other file of the bundle with its sha256. */
    files: z.record(z.string().regex(filePattern), z.string().regex(sha256Pattern)),
  })
  .refine((manifest) => new Set(manifest.labels).size === manifest.labels.length, 'labels must be distinct')
  .refine((manifest) => 'model.onnx' in manifest.files, 'files must name model.onnx')
  .refine(
    (manifest) => manifest.input.kind !== 'tokens' || 'tokenizer.json' in manifest.files,
    'files must name tokenizer.json',
  )
  .refine(
    (manifest) => manifest.goldenTexts.every((golden) => golden.probabilities.length === manifest.labels.length),
    'every golden text needs one probability a label',
  );

/** What manifest.json of a bundle says. */
export type Manifest = z.output<typeof manifestSchema>;

/** A verified model bundle in a local folder. */
export interface Bundle {
  directory: string;
  /** sha256 over the sorted lines `path NUL sha256 LF` of all files, manifest included. */
  digest: string;
  manifest: Manifest;
  /** Path to sha256 of every file, manifest included. */
  files: Record<string, string>;
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The digest that names a bundle: any changed byte or name changes it. */
export function bundleDigest(files: Readonly<Record<string, string>>): string {
  const lines = Object.keys(files)
    .toSorted()
    .map((path) => `${path}\0${files[path] ?? ''}\n`);
  return sha256(lines.join(''));
}

/**
 * Parses manifest.json.
 * @throws TidemillError BUNDLE_INVALID with the field and the reason.
 */
export function parseManifest(json: string): Manifest {
  let content: unknown;
  try {
    content = JSON.parse(json);
  } catch (cause) {
    throw refusal('BUNDLE_INVALID', `manifest.json is not JSON: ${reasonOf(cause)}`);
  }
  const parsed = manifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw refusal('BUNDLE_INVALID', `manifest.json ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
}

/**
 * Reads and verifies a bundle: the manifest, then every file against its sha256, before anything is parsed as a model.
 * @param expectedDigest when given, the bundle must have exactly this digest.
 * @throws TidemillError BUNDLE_INVALID or BUNDLE_DIGEST_MISMATCH; BUNDLE_UNREADABLE, which proves nothing against it.
 */
export async function readBundle(directory: string, expectedDigest?: string): Promise<Bundle> {
  const manifestBytes = await readBundleFile(directory, 'manifest.json', maximumManifestMebibytes);
  const manifest = parseManifest(manifestBytes.toString('utf8'));
  const files: Record<string, string> = { ...manifest.files, 'manifest.json': sha256(manifestBytes) };
  for (const { path, plain } of await filesOf(directory)) {
    if (!plain || !Object.hasOwn(files, path)) throw refusal('BUNDLE_INVALID', `${path} is not named in the manifest`);
  }
  for (const [path, expected] of Object.entries(manifest.files)) {
    if ((await digestOfFile(directory, path)) !== expected) {
      throw modelError('BUNDLE_DIGEST_MISMATCH', { detail: `${path} has other bytes than the manifest says` });
    }
  }
  const digest = bundleDigest(files);
  if (expectedDigest !== undefined && digest !== expectedDigest) {
    throw modelError('BUNDLE_DIGEST_MISMATCH', { detail: `expected ${expectedDigest}, found ${digest}` });
  }
  return { directory, digest, manifest, files };
}

/** A file that is read as a whole. @throws TidemillError BUNDLE_INVALID or BUNDLE_UNREADABLE */
export async function readBundleFile(directory: string, path: string, mostMebibytes: number): Promise<Buffer> {
  try {
    const { size } = await stat(join(directory, path));
    if (size > mostMebibytes * 2 ** 20)
      throw refusal('BUNDLE_INVALID', `${path} has ${size} bytes; at most ${mostMebibytes} MiB are read`);
    return await readFile(join(directory, path));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** What a file system says when the bundle is wrong; whatever else it says may pass. */
const lackingCodes: readonly unknown[] = ['ENOENT', 'EISDIR', 'ENOTDIR'];

function unreadable(path: string, cause: unknown) {
  if (cause instanceof TidemillError) return cause;
  if (cause instanceof Error && 'code' in cause && lackingCodes.includes(cause.code))
    return modelError('BUNDLE_INVALID', { detail: `${path} cannot be read`, cause });
  return modelError('BUNDLE_UNREADABLE', { detail: `${path}: ${reasonOf(cause)}`, cause });
}

/**
 * In parts: a graph may be larger than what is read at once, and nobody else waits while it is hashed. Into one buffer:
 * those of a stream made the garbage collector run at every swap.
 */
async function digestOfFile(directory: string, path: string): Promise<string> {
  if (!filePattern.test(path)) throw refusal('BUNDLE_INVALID', `${JSON.stringify(path)} is not an allowed file name`);
  const hash = createHash('sha256');
  try {
    await using file = await open(join(directory, path));
    const buffer = Buffer.allocUnsafe(partBytes);
    for (let read; (read = (await file.read(buffer)).bytesRead) > 0;) hash.update(buffer.subarray(0, read));
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return hash.digest('hex');
}

/** What is said of a bundle before its files are known. */
type ManifestFacts = Omit<z.input<typeof manifestSchema>, 'files' | 'format'>;

/**
 * Writes a bundle into an empty or new folder and returns it.
 * @param parts every file but the manifest; `model.onnx` is required.
 */
export async function writeBundle(
  directory: string,
  manifest: ManifestFacts,
  parts: Readonly<Record<string, Uint8Array | string>>,
): Promise<Bundle> {
  for (const path of Object.keys(parts).toSorted()) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), parts[path] ?? '');
  }
  return await writeManifest(directory, manifest);
}

/** Makes a bundle of a folder that holds every file but the manifest; one that is there is replaced. */
export async function writeManifest(directory: string, manifest: ManifestFacts): Promise<Bundle> {
  const files: Record<string, string> = {};
  for (const { path } of await filesOf(directory))
    if (path !== 'manifest.json') files[path] = await digestOfFile(directory, path);
  const complete = parseManifest(JSON.stringify({ format: 1, ...manifest, files }));
  const json = `${JSON.stringify(complete, null, 2)}\n`;
  await writeFile(join(directory, 'manifest.json'), json);
  const all = { ...files, 'manifest.json': sha256(json) };
  return { directory, digest: bundleDigest(all), manifest: complete, files: all };
}

/** Everything in a folder but folders, in the order of the paths. */
export async function filesOf(directory: string): Promise<{ path: string; plain: boolean }[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw unreadable(directory, cause);
  });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => ({
      path: join(entry.parentPath, entry.name).slice(join(directory, '/').length),
      plain: entry.isFile(),
    }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
