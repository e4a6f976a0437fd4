import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { type Bundle, type Manifest, writeBundle } from '../bundle.ts';

type Node = MessageInitShape<typeof NodeProtoSchema>;
type Tensor = MessageInitShape<typeof TensorProtoSchema>;
export const { FLOAT, FLOAT16, INT32, INT64 } = TensorProto_DataType;

function tensor(name: string, dims: number[], values: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>): Tensor {
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dims: dims.map(BigInt), dataType: values instanceof Float32Array ? FLOAT : INT64, rawData };
}

export function value(
  name: string,
  elemType: number,
  dims: (string | number)[],
): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = dims.map((size) => ({
    value:
      typeof size === 'string'
        ? ({ case: 'dimParam', value: size } as const)
        : ({ case: 'dimValue', value: BigInt(size) } as const),
  }));
  return { name, type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } } };
}

function node(opType: string, input: string[], output: string, attribute: Record<string, number> = {}): Node {
  const attributes = Object.entries(attribute).map(([name, i]) => ({
    name,
    i: BigInt(i),
    type: AttributeProto_AttributeType.INT,
  }));
  return { opType, input, output: [output], name: output, attribute: attributes };
}

export interface TestTransformer {
  /** Rows of the embedding table. */
  vocabulary: number;
  labels: number;
  /** Multiplies every weight; NaN makes a model that answers NaN. */
  scale?: number;
  tokenTypes?: boolean;
  /** Gives the means of the embeddings and no logits. */
  embeddings?: boolean;
  /** Looks token ids up behind a node that hides what they are. */
  hideLookUp?: boolean;
  /** A node more. */
  node?: Node;
  /** Where the embeddings lie outside the file. */
  externalData?: string;
  /** What the graph says of its inputs and outputs. */
  inputs?: ReturnType<typeof value>[];
  outputs?: ReturnType<typeof value>[];
}

const dimension = 8;

/** As much of a transformer as its contract needs: token embeddings, their mean under the mask, a linear head. */
export function transformerGraph(options: TestTransformer): Uint8Array {
  const { vocabulary, labels, scale = 1, tokenTypes = false } = options;
  // Weights that differ from token to token and label to label, from arithmetic alone.
  const weights = (rows: number, columns: number, step: number) =>
    Float32Array.from({ length: rows * columns }, (_, i) => scale * Math.sin((i + 1) * step));
  const last = options.embeddings === true ? 'mean' : 'logits';
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    graph: {
      name: 'transformer',
      input: options.inputs ?? [
        value('input_ids', INT64, ['batch_size', 'sequence_length']),
        value('attention_mask', INT64, ['batch_size', 'sequence_length']),
        ...(tokenTypes ? [value('token_type_ids', INT64, ['batch_size', 'sequence_length'])] : []),
      ],
      output: options.outputs ?? [value(last, FLOAT, ['batch_size', last === 'mean' ? dimension : labels])],
      initializer: [
        options.externalData === undefined
          ? tensor('embeddings', [vocabulary, dimension], weights(vocabulary, dimension, 1.7))
          : {
              name: 'embeddings',
              dims: [BigInt(vocabulary), BigInt(dimension)],
              dataType: FLOAT,
              dataLocation: TensorProto_DataLocation.EXTERNAL,
              externalData: [{ key: 'location', value: options.externalData }],
            },
        tensor('types', [2, dimension], weights(2, dimension, 0.3)),
        tensor('head', [dimension, labels], weights(dimension, labels, 2.9)),
        tensor('bias', [labels], weights(1, labels, 0.7)),
        tensor('last_axis', [1], BigInt64Array.of(2n)),
        tensor('token_axis', [1], BigInt64Array.of(1n)),
      ],
      node: [
        ...(options.hideLookUp === true ? [node('Identity', ['input_ids'], 'ids')] : []),
        node('Gather', ['embeddings', options.hideLookUp === true ? 'ids' : 'input_ids'], 'token_vectors'),
        ...(tokenTypes
          ? [
              node('Gather', ['types', 'token_type_ids'], 'type_vectors'),
              node('Add', ['token_vectors', 'type_vectors'], 'vectors'),
            ]
          : [node('Identity', ['token_vectors'], 'vectors')]),
        node('Cast', ['attention_mask'], 'mask', { to: FLOAT }),
        node('Unsqueeze', ['mask', 'last_axis'], 'mask_column'),
        node('Mul', ['vectors', 'mask_column'], 'masked'),
        node('ReduceSum', ['masked', 'token_axis'], 'sum', { keepdims: 0 }),
        node('ReduceSum', ['mask_column', 'token_axis'], 'count', { keepdims: 0 }),
        node('Div', ['sum', 'count'], 'mean'),
        ...(options.node === undefined ? [] : [options.node]),
        ...(last === 'logits' ? [node('Gemm', ['mean', 'head', 'bias'], 'logits')] : []),
      ],
    },
  });
  return toBinary(ModelProtoSchema, model);
}

const tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'b', 'c', '##a', '##b', '##c', '!', 'ä', '日', 'ا', 'я'];

/** A small WordPiece tokenizer, cased. */
export function testTokenizerJson(extra: readonly string[] = []): string {
  const vocab = Object.fromEntries([...tokens, ...extra].map((token, id) => [token, id]));
  const special = tokens.slice(0, 4).map((content, id) => ({ id, content, special: true, normalized: false }));
  return JSON.stringify({
    added_tokens: special,
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: false },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] },
    decoder: null,
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', vocab },
  });
}

export const testVocabulary = tokens.length;

/** Mean of the embeddings, linear head and softmax in plain arithmetic: what a host must answer for token ids. */
export function expectedProbabilities(ids: readonly number[], labels: number): number[] {
  const weight = (i: number, step: number) => Math.fround(Math.sin((i + 1) * step));
  const mean = Array.from(
    { length: dimension },
    (_, d) => ids.reduce((sum, id) => sum + weight(id * dimension + d, 1.7), 0) / ids.length,
  );
  const powers = Array.from({ length: labels }, (_, label) =>
    Math.exp(weight(label, 0.7) + mean.reduce((sum, part, d) => sum + part * weight(d * labels + label, 2.9), 0)),
  );
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Writes a bundle of kind `tokens` whose golden texts are right. */
export async function writeTokensBundle(
  directory: string,
  {
    labels = ['north', 'south', 'west'],
    model = 'test',
    input = {},
  }: { labels?: string[]; model?: string; input?: object } = {},
): Promise<Bundle> {
  const manifest: Omit<Manifest, 'files' | 'format'> = {
    model,
    labels,
    input: {
      kind: 'tokens',
      maximumTokens: 12,
      inputs: ['input_ids', 'attention_mask'],
      padTokenId: 0,
      alone: false,
      ...input,
    },
    output: 'logits',
    goldenTexts: [
      { text: 'abc a!', probabilities: expectedProbabilities([2, 4, 8, 9, 4, 10, 3], labels.length) },
      { text: '', probabilities: expectedProbabilities([2, 3], labels.length) },
      {
        text: 'a'.repeat(40),
        probabilities: expectedProbabilities([2, 4, ...Array<number>(9).fill(7), 3], labels.length),
      },
    ],
    temperature: 1,
    trainer: 'test',
  };
  return await writeBundle(directory, manifest, {
    'model.onnx': transformerGraph({ vocabulary: testVocabulary, labels: labels.length }),
    'tokenizer.json': testTokenizerJson(),
  });
}

/** Writes what Optimum exports for sequence classification; `changes` replaces files, or leaves out what is undefined. */
export async function writeOptimumFolder(
  directory: string,
  {
    graph = {},
    config = {},
    changes = {},
  }: {
    graph?: Partial<TestTransformer>;
    config?: object;
    changes?: Record<string, Uint8Array | string | undefined>;
  } = {},
): Promise<string> {
  const files: Record<string, Uint8Array | string | undefined> = {
    'model.onnx': transformerGraph({ vocabulary: testVocabulary, labels: 3, ...graph }),
    'config.json': JSON.stringify({
      architectures: ['BertForSequenceClassification'],
      model_type: 'bert',
      id2label: { 0: 'north', 1: 'south', 2: 'west' },
      label2id: { north: 0, south: 1, west: 2 },
      max_position_embeddings: 24,
      pad_token_id: 0,
      ...config,
    }),
    'tokenizer.json': testTokenizerJson(),
    'tokenizer_config.json': JSON.stringify({ model_max_length: 1e30, pad_token: '[PAD]' }),
    'special_tokens_map.json': JSON.stringify({ pad_token: { content: '[PAD]' } }),
    'vocab.txt': '[PAD]',
    'ort_config.json': '{}',
    ...changes,
  };
  await mkdir(directory, { recursive: true });
  for (const [name, content] of Object.entries(files))
    if (content !== undefined) await writeFile(join(directory, name), content);
  return directory;
}
