import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '#libs/platform';
import { loadTokenizer, type Tokenizer } from '#libs/tokenizer';
import { type Bundle, type Manifest, maximumBundleBytes, readBundleFile } from './bundle.ts';
import { refusal } from './errors.ts';
import { inspectOnnx, type OnnxSummary, type OnnxValue, quantisesWhileRunning } from './inspect-onnx.ts';

/** The largest vocabularies there are take 35. */
const maximumTokenizerMebibytes = 256;

type TokensInput = Extract<Manifest['input'], { kind: 'tokens' }>;

/**
 * Refuses a verified bundle whose files do not fit each other, without running the model.
 * Runs the tokenizer's own patterns, which may never end: of a bundle from outside see `inspectApart`.
 * @throws TidemillError MODEL_REFUSED with what does not fit and what to do about it.
 */
export async function inspectBundle({ directory, manifest }: Pick<Bundle, 'directory' | 'manifest'>): Promise<void> {
  const summary = await inspectGraph(join(directory, 'model.onnx'));
  checkFit(manifest, summary, manifest.input.kind === 'tokens' ? await readTokenizer(directory) : undefined);
}

/** @throws TidemillError MODEL_REFUSED */
export function checkFit(
  { labels, input }: Pick<Manifest, 'labels' | 'input'>,
  summary: OnnxSummary,
  tokenizer: Tokenizer | undefined,
): void {
  checkOutput(summary, labels);
  if (input.kind === 'utf16' || tokenizer === undefined) {
    const [only, ...others] = summary.inputs;
    if (only === undefined || others.length > 0 || only.type !== 'INT32' || !fitsRank(only, 2))
      throw refused('the graph does not take code units, int32 [rows, columns], as its only input');
    return;
  }
  checkInputs(summary, input.inputs);
  if (quantisesWhileRunning(summary) && !input.alone)
    throw refused(
      'the graph quantises its activations while it runs, so that texts of one run change each other’s answers; set input.alone to true',
    );
  checkTokenizer(tokenizer, input, summary);
}

/** @throws TidemillError MODEL_REFUSED */
export async function inspectGraph(path: string): Promise<OnnxSummary> {
  const { size } = await stat(path);
  if (size >= maximumBundleBytes)
    throw refused(`the graph has ${size} bytes; 2 GiB is the most an ONNX file can have, so quantise or prune it`);
  return inspectOnnx(await readFile(path));
}

/** @throws TidemillError MODEL_REFUSED, or as readBundleFile */
export async function readTokenizer(directory: string): Promise<Tokenizer> {
  const json = await readBundleFile(directory, 'tokenizer.json', maximumTokenizerMebibytes);
  try {
    return loadTokenizer(json.toString('utf8'));
  } catch (cause) {
    throw refused(reasonOf(cause));
  }
}

/** @throws TidemillError MODEL_REFUSED unless the graph gives one float32 value a label. */
function checkOutput({ outputs }: OnnxSummary, labels: readonly string[]): void {
  const [only, ...others] = outputs;
  if (only === undefined || others.length > 0)
    throw refused(
      `the graph has ${outputs.length} outputs (${outputs.map(({ name }) => name).join(', ')}); export it with one, [rows, labels]`,
    );
  if (only.type !== 'FLOAT' || !fitsRank(only, 2))
    throw refused(`output ${only.name} is ${described(only)}; a classifier gives float32 [rows, labels]`);
  const classes = only.dimensions?.[1];
  if (classes !== undefined && classes !== labels.length)
    throw refused(
      `the graph gives ${classes} classes, there are ${labels.length} labels; name every class once, in the order of the output`,
    );
}

function checkInputs({ inputs }: OnnxSummary, expected: readonly string[]): void {
  const taken = inputs.map(({ name }) => name);
  const missing = expected.filter((name) => !taken.includes(name));
  const unknown = taken.filter((name) => !expected.includes(name));
  if (missing.length > 0 || unknown.length > 0)
    throw refused(`the graph takes ${taken.join(', ')}; it has to take ${expected.join(', ')}`);
  for (const value of inputs)
    if (value.type !== 'INT64' || !fitsRank(value, 2))
      throw refused(`input ${value.name} is ${described(value)}; it has to be int64 [rows, tokens]`);
}

function checkTokenizer(tokenizer: Tokenizer, input: TokensInput, { embeddingRows }: OnnxSummary): void {
  if (input.maximumTokens <= tokenizer.specialTokens)
    throw refused(`${input.maximumTokens} tokens leave no room beside ${tokenizer.specialTokens} special tokens`);
  const largest = Math.max(tokenizer.largestId, input.padTokenId);
  if (embeddingRows !== undefined && largest >= embeddingRows)
    throw refused(
      `the tokenizer gives ids up to ${largest}, the graph has embeddings for ${embeddingRows}; take both from one export`,
    );
}

/** Also where the graph does not say its rank. */
function fitsRank({ dimensions }: OnnxValue, rank: number): boolean {
  return dimensions === undefined || dimensions.length === rank;
}

function described({ type, dimensions }: OnnxValue): string {
  return `${type ?? 'no tensor'} [${dimensions?.map((size) => size ?? '…').join(', ') ?? '?'}]`;
}

function refused(detail: string) {
  return refusal('MODEL_REFUSED', detail);
}
