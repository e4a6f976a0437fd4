import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { reasonOf } from '#libs/platform';
import type { Tokenizer } from '#libs/tokenizer';
import { filesOf, type Manifest, mostTokens } from './bundle.ts';
import { refusal } from './errors.ts';
import { checkFit, inspectGraph, readTokenizer } from './inspect-bundle.ts';
import { type OnnxSummary, quantisesWhileRunning } from './inspect-onnx.ts';

/** Files of an export that a bundle keeps; what else lies in the folder is left behind. */
const keptFiles = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'README.md'];

const tokenName = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]);

const configSchema = z.looseObject({
  model_type: z.string().default('transformer'),
  architectures: z.array(z.string()).nullish(),
  id2label: z.record(z.string(), z.string()).optional(),
  label2id: z.record(z.string(), z.coerce.number()).optional(),
  problem_type: z.string().nullish(),
  max_position_embeddings: z.number().int().nullish(),
  pad_token_id: z.number().int().min(0).nullish(),
});
const tokenizerConfigSchema = z.looseObject({
  model_max_length: z.number().nullish(),
  pad_token: tokenName.nullish(),
});

/** Models whose first position is behind that of the pad token: as many fewer tokens fit. */
const paddedPositions = new Set(
  (
    'roberta xlm-roberta xlm-roberta-xl roberta-prelayernorm camembert mpnet longformer xmod data2vec-text ibert ' +
    'luke mluke'
  ).split(' '),
);
const usualTokens = 512;

/** What the files of an export say; what a real host answers to the texts is missing from it. */
export interface OptimumDraft extends Pick<Manifest, 'labels' | 'input' | 'output' | 'temperature' | 'trainer'> {
  goldenTexts: string[];
}

/**
 * Reads and inspects an export, of which it leaves what a bundle keeps. Runs the tokenizer's own patterns, which may never
 * end: see `readOptimumApart`.
 * @throws TidemillError BUNDLE_INVALID or MODEL_REFUSED
 */
export async function readOptimum(folder: string): Promise<OptimumDraft> {
  await keepFiles(folder);
  const config = await readJson(folder, 'config.json', configSchema);
  const labels = labelsOf(config);
  const tokenizer = await readTokenizer(folder);
  const tokenizerConfig = await readJson(folder, 'tokenizer_config.json', tokenizerConfigSchema, {});
  const special = await readJson(folder, 'special_tokens_map.json', tokenizerConfigSchema, {});
  const summary = await inspectGraph(join(folder, 'model.onnx'));
  const padToken = tokenizerConfig.pad_token ?? special.pad_token ?? '';
  const padTokenId = config.pad_token_id ?? tokenizer.idOf(padToken) ?? 0;
  const maximumTokens = maximumTokensOf(config, { limit: tokenizerConfig.model_max_length, padTokenId });
  const input = {
    kind: 'tokens' as const,
    maximumTokens,
    inputs: inputsOf(summary),
    padTokenId,
    alone: quantisesWhileRunning(summary),
  };
  checkFit({ labels, input }, summary, tokenizer);
  return {
    labels,
    input,
    output: 'logits',
    temperature: 1,
    trainer: `imported ${config.architectures?.[0] ?? config.model_type}`,
    goldenTexts: goldenTexts(tokenizer, maximumTokens),
  };
}

/** Leaves the one graph, as model.onnx, and the files that say what it is. On the Hub graphs lie in a folder of their own. */
async function keepFiles(folder: string): Promise<void> {
  const names = (await filesOf(folder)).filter(({ plain }) => plain).map(({ path }) => path);
  const graphs = names.filter((name) => /^(onnx\/)?[^/]+\.onnx$/.test(name));
  const [graph] = graphs;
  if (graph === undefined || graphs.length > 1)
    throw refusal(
      'BUNDLE_INVALID',
      `the folder holds ${graphs.length === 0 ? 'no .onnx file' : graphs.join(', ')}; leave the one graph to serve in it`,
    );
  for (const needed of ['config.json', 'tokenizer.json'])
    if (!names.includes(needed))
      throw refusal(
        'BUNDLE_INVALID',
        `the folder holds neither manifest.json nor ${needed}; export with \`optimum-cli export onnx --task text-classification\``,
      );
  await rename(join(folder, graph), join(folder, 'model.onnx'));
  for (const entry of await readdir(folder))
    if (entry !== 'model.onnx' && !keptFiles.includes(entry)) await rm(join(folder, entry), { recursive: true });
}

async function readJson<T extends z.ZodType>(
  folder: string,
  file: string,
  schema: T,
  instead?: z.input<T>,
): Promise<z.output<T>> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(join(folder, file), 'utf8'));
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (!missing || instead === undefined) throw refusal('BUNDLE_INVALID', `${file} is not JSON: ${reasonOf(cause)}`);
    content = instead;
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw refusal('BUNDLE_INVALID', `${file} ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function labelsOf({
  architectures,
  id2label,
  label2id,
  problem_type: problem,
}: z.output<typeof configSchema>): string[] {
  const invalid = (detail: string) => refusal('BUNDLE_INVALID', `config.json: ${detail}`);
  const other = architectures?.find((name) => !name.endsWith('ForSequenceClassification'));
  if (other !== undefined) throw invalid(`${other} does not classify texts; export a ForSequenceClassification model`);
  if (problem === 'regression' || problem === 'multi_label_classification')
    throw invalid(`problem_type ${problem} is not supported; a text has exactly one label`);
  if (id2label === undefined) throw invalid('id2label is missing; name the classes in the order of the output');
  const names = Object.keys(id2label).map((_, id) => id2label[String(id)] ?? '');
  if (names.includes('')) throw invalid('id2label must name the classes 0, 1, 2, … without a gap');
  if (new Set(names).size !== names.length) throw invalid('id2label must give every class a name of its own');
  if (names.length < 2) throw invalid('id2label names one class; a classifier has at least two');
  const contradicted = names.find((label, id) => label2id !== undefined && label2id[label] !== id);
  if (contradicted !== undefined)
    throw invalid(`label2id contradicts id2label about ${JSON.stringify(contradicted)}; make them agree`);
  return names;
}

function inputsOf({ inputs }: OnnxSummary): Extract<Manifest['input'], { kind: 'tokens' }>['inputs'] {
  const types = inputs.some(({ name }) => name === 'token_type_ids') ? (['token_type_ids'] as const) : [];
  return ['input_ids', 'attention_mask', ...types];
}

function maximumTokensOf(
  { model_type: type, max_position_embeddings: positions }: z.output<typeof configSchema>,
  { limit, padTokenId }: { limit: number | null | undefined; padTokenId: number },
): number {
  const places = positions == null ? Infinity : positions - (paddedPositions.has(type) ? padTokenId + 1 : 0);
  // Tokenizers that know no limit say 1e30.
  const most = Math.min(places, limit ?? Infinity);
  const tokens = most < 1e6 ? Math.min(Math.floor(most), mostTokens) : usualTokens;
  if (tokens >= 3) return tokens;
  throw refusal(
    'BUNDLE_INVALID',
    `config.json and tokenizer_config.json leave ${tokens} tokens for a text; check max_position_embeddings and model_max_length`,
  );
}

/** Several scripts, nothing, and one longer than the model takes. */
function goldenTexts(tokenizer: Tokenizer, maximumTokens: number): string[] {
  let longest = 'tidemill keeps 漢 ل я classifiers true ';
  while (!tokenizer.encode(longest, maximumTokens).truncated && longest.length < 2 ** 24) longest += longest;
  return [
    'The quick brown fox jumps over the lazy dog, twice: 1,234 times!',
    'Dadka dhammaantood waxay dhashaan iyagoo xor ah.',
    'Все люди рождаются свободными и равными.',
    'يولد جميع الناس أحرارا متساوين',
    '人人生而自由，在尊严和权利上一律平等。',
    'सभी मनुष्य जन्म से स्वतन्त्र हैं',
    'Grüße 🙂👍🏽 naïve café',
    '',
    longest,
  ];
}
