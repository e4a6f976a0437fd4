import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseManifest, readBundle } from './bundle.ts';
import { inspectBundle } from './inspect-bundle.ts';
import { hostModel, ModelHost } from './model-host.ts';
import { bundleFromOptimum } from './optimum.ts';
import { temporaryFolder } from './testing/test-bundle.ts';
import {
  FLOAT,
  FLOAT16,
  INT32,
  INT64,
  testTokenizerJson,
  value,
  writeOptimumFolder,
} from './testing/test-transformer.ts';

const options = { executionProviders: ['cpu'], threads: 1, model: 'news' };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let made = 0;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

type Changes = Parameters<typeof writeOptimumFolder>[1];
const write = (changes?: Changes) => writeOptimumFolder(join(folder.path, `export-${++made}`), changes);
const bundleOf = async (changes?: Changes) => await bundleFromOptimum(await write(changes), options);

describe('an Optimum export', () => {
  it('becomes a bundle without a manifest by hand', async () => {
    const bundle = await bundleOf({ graph: { tokenTypes: true } });
    expect(bundle.manifest).toMatchObject({
      model: 'news',
      labels: ['north', 'south', 'west'],
      input: {
        kind: 'tokens',
        maximumTokens: 24,
        inputs: ['input_ids', 'attention_mask', 'token_type_ids'],
        padTokenId: 0,
        alone: false,
      },
      output: 'logits',
      temperature: 1,
      trainer: 'imported BertForSequenceClassification',
    });
    const kept = ['config.json', 'model.onnx', 'special_tokens_map.json', 'tokenizer.json', 'tokenizer_config.json'];
    expect(Object.keys(bundle.manifest.files)).toEqual(kept);
    const read = await readBundle(bundle.directory, bundle.digest);
    await inspectBundle(read);
    const { goldenTexts } = read.manifest;
    expect(goldenTexts.map(({ text }) => text)).toContain('');
    await using host = await ModelHost.open(hostModel(read), options);
    const { truncated, probabilities } = await host.classify(goldenTexts.map(({ text }) => text));
    expect([...truncated].at(-1)).toBe(1);
    // A model that answers everything alike would be proved by nothing.
    expect(new Set(probabilities).size).toBeGreaterThan(6);
  });

  it('gives the same bundle again', async () => {
    expect((await bundleOf()).digest).toBe((await bundleOf()).digest);
  });

  it('may name its graph as Optimum names a quantised one', async () => {
    const directory = await write();
    const graph = await readFile(join(directory, 'model.onnx'));
    const renamed = await write({ changes: { 'model.onnx': undefined, 'model_quantized.onnx': graph } });
    expect((await bundleFromOptimum(renamed, options)).manifest.files).toHaveProperty(['model.onnx']);
    expect(existsSync(join(renamed, 'model_quantized.onnx'))).toBe(false);
  });

  it('may have its graph in a folder onnx, as on the Hub', async () => {
    const directory = await write();
    await mkdir(join(directory, 'onnx'));
    await rename(join(directory, 'model.onnx'), join(directory, 'onnx', 'model.onnx'));
    const { digest } = await bundleFromOptimum(directory, options);
    expect(digest).toBe((await bundleOf()).digest);
    await readBundle(directory, digest);
  });

  it.each([
    ['the positions', {}, {}, 24],
    ['the positions behind the pad token', { model_type: 'xlm-roberta', pad_token_id: 1 }, {}, 22],
    ['the tokenizer', {}, { model_max_length: 16 }, 16],
    ['what is usual', { max_position_embeddings: null }, {}, 512],
    ['what a bundle may say', { max_position_embeddings: null }, { model_max_length: 200_000 }, 100_000],
  ])('takes its longest text from %s', async (_name, config, tokenizerConfig, expected) => {
    const changes = { 'tokenizer_config.json': JSON.stringify(tokenizerConfig) };
    expect((await bundleOf({ config, changes })).manifest.input).toMatchObject({ maximumTokens: expected });
  });

  const outputs = [value('logits', FLOAT, ['rows', 3])];
  it.each<[string, Changes, string]>([
    ['no graph', { changes: { 'model.onnx': undefined } }, 'the folder holds no .onnx file; leave the one graph'],
    ['two graphs', { changes: { 'b.onnx': 'x' } }, 'b.onnx, model.onnx; leave the one graph'],
    ['no config', { changes: { 'config.json': undefined } }, 'neither manifest.json nor config.json; export with'],
    ['no tokenizer', { changes: { 'tokenizer.json': undefined } }, 'neither manifest.json nor tokenizer.json'],
    ['a config that is no JSON', { changes: { 'config.json': '{' } }, 'config.json is not JSON'],
    ['a config of other types', { config: { id2label: ['a'] } }, 'config.json id2label'],
    ['another task', { config: { architectures: ['BertForMaskedLM'] } }, 'BertForMaskedLM does not classify texts'],
    ['several labels a text', { config: { problem_type: 'multi_label_classification' } }, 'exactly one label'],
    ['no labels', { config: { id2label: undefined } }, 'id2label is missing'],
    ['a gap in its labels', { config: { id2label: { 0: 'a', 2: 'b' }, label2id: undefined } }, 'without a gap'],
    ['a label twice', { config: { id2label: { 0: 'a', 1: 'a', 2: 'b' } } }, 'a name of its own'],
    ['one label', { config: { id2label: { 0: 'a' } } }, 'at least two'],
    [
      'label lists that differ',
      { config: { label2id: { north: 1, south: 0, west: 2 } } },
      'contradicts id2label about "north"',
    ],
    [
      'two labels for three classes',
      { config: { id2label: { 0: 'a', 1: 'b' }, label2id: undefined } },
      'gives 3 classes, there are 2 labels',
    ],
    ['no room for a text', { config: { max_position_embeddings: 2 } }, 'leave 2 tokens for a text'],
    ['a graph that is none', { changes: { 'model.onnx': 'graph' } }, 'not an ONNX file'],
    [
      'an operator that is not allowed',
      { graph: { node: { opType: 'Loop', output: ['x'] } } },
      'operator Loop is not allowed',
    ],
    [
      'an operator of elsewhere',
      { graph: { node: { opType: 'Mine', domain: 'my.ops', output: ['x'] } } },
      'operator my.ops.Mine is not allowed',
    ],
    [
      'weights outside the file',
      { graph: { externalData: '../../secret' } },
      'weights of embeddings lie outside the file; export the model as a single file',
    ],
    [
      'an input nobody knows',
      {
        graph: {
          inputs: ['input_ids', 'attention_mask', 'position_ids'].map((name) => value(name, INT64, ['rows', 'tokens'])),
        },
      },
      'takes input_ids, attention_mask, position_ids; it has to take input_ids, attention_mask',
    ],
    [
      'no mask',
      { graph: { inputs: [value('input_ids', INT64, ['rows', 'tokens'])] } },
      'it has to take input_ids, attention_mask',
    ],
    [
      'ids of another type',
      { graph: { inputs: ['input_ids', 'attention_mask'].map((name) => value(name, INT32, ['rows', 'tokens'])) } },
      'input input_ids is INT32 […, …]; it has to be int64',
    ],
    [
      'an output a token',
      { graph: { outputs: [value('logits', FLOAT, ['rows', 'tokens', 3])] } },
      'output logits is FLOAT […, …, 3]',
    ],
    [
      'an output of half precision',
      { graph: { outputs: [value('logits', FLOAT16, ['rows', 3])] } },
      'output logits is FLOAT16',
    ],
    [
      'two outputs',
      { graph: { outputs: [...outputs, value('mean', FLOAT, ['rows', 8])] } },
      'the graph has 2 outputs (logits, mean)',
    ],
    [
      'a tokenizer of another model',
      { changes: { 'tokenizer.json': testTokenizerJson(['new', '##new']) } },
      'gives ids up to 16, the graph has embeddings for 15; take both from one export',
    ],
    ['a tokenizer that is none', { changes: { 'tokenizer.json': '{"model":{}}' } }, 'tokenizer.json model.vocab'],
    ['a pad token that is none', { config: { pad_token_id: -1 } }, 'config.json pad_token_id'],
    ['a pad token without an embedding', { config: { pad_token_id: 99 } }, 'ids up to 99'],
    ['answers that are not numbers', { graph: { scale: Number.NaN } }, 'a value is NaN'],
    [
      'a graph that does not run',
      { graph: { node: { opType: 'Gemm', input: ['mask', 'mask'], output: ['x'] } } },
      'Gemm',
    ],
  ])('with %s is refused in a sentence', async (_name, changes, sentence) => {
    await expect(bundleOf(changes)).rejects.toMatchObject({
      code: expect.stringMatching(/^(BUNDLE_INVALID|MODEL_REFUSED|MODEL_OUTPUT_INVALID)$/),
      message: expect.stringContaining(sentence),
    });
  });

  it('of 2 GB is refused before it is read', async () => {
    const directory = await write();
    await using graph = await open(join(directory, 'model.onnx'), 'r+');
    await graph.truncate(2 ** 31); // a hole: it takes no room on the disk
    await expect(bundleFromOptimum(directory, options)).rejects.toThrow('2 GiB is the most an ONNX file can have');
  });

  it('that quantises while it runs has its texts run alone, and is refused when its manifest says otherwise', async () => {
    const quantise = { opType: 'DynamicQuantizeLinear', input: ['mean'], output: ['q', 'scale', 'zero'] };
    const { directory, manifest } = await bundleOf({ graph: { node: quantise } });
    expect(manifest.input).toMatchObject({ alone: true });
    await inspectBundle({ directory, manifest });
    const together = parseManifest(JSON.stringify({ ...manifest, input: { ...manifest.input, alone: false } }));
    await expect(inspectBundle({ directory, manifest: together })).rejects.toThrow('set input.alone to true');
  });

  it('whose tokenizer is longer than anyone would make it is refused', async () => {
    const directory = await write();
    await truncate(join(directory, 'tokenizer.json'), 2 ** 29);
    const refusal = 'tokenizer.json has 536870912 bytes; at most 256 MiB are read';
    await expect(bundleFromOptimum(directory, options)).rejects.toThrow(refusal);
  });

  it('whose tokenizer has a pattern that never ends is refused', async () => {
    const tokenizer: object = JSON.parse(testTokenizerJson());
    const normalizer = { type: 'Replace', pattern: { Regex: '(\\w+\\s*)+:$' }, content: '' };
    const directory = await write({ changes: { 'tokenizer.json': JSON.stringify({ ...tokenizer, normalizer }) } });
    await expect(bundleFromOptimum(directory, { ...options, timeout: 2000 })).rejects.toMatchObject({
      code: 'MODEL_REFUSED',
      message: expect.stringContaining('takes more than 2 s; a pattern in tokenizer.json may never end'),
    });
  });

  it('whose text puts the host out of its table is refused', async () => {
    // The look-up goes through another node, so that only running it shows that the ids do not fit.
    const directory = await write({
      changes: { 'tokenizer.json': testTokenizerJson() },
      graph: { vocabulary: 8, hideLookUp: true },
    });
    await writeFile(join(directory, 'README.md'), '# news');
    await expect(bundleFromOptimum(directory, options)).rejects.toMatchObject({ code: 'MODEL_OUTPUT_INVALID' });
  });
});
