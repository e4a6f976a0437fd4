import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { Head } from '#libs/classifier';
import { modelError } from './errors.ts';

/** Name of what a pooled encoder gives: float32 [texts, dimension], of length 1. */
const embeddings = 'embeddings';

/**
 * An encoder that gives one vector a text: the mean of its last hidden state over the tokens of the text, of length 1.
 * Source: Reimers and Gurevych, "Sentence-BERT", EMNLP 2019.
 * @param onnx an encoder with inputs input_ids and attention_mask, of which the first output is [texts, tokens, dimension]
 * @throws TidemillError MODEL_REFUSED
 */
export function pooledEncoder(onnx: Uint8Array): Uint8Array {
  const model = parse(onnx);
  const { graph } = model;
  const [hidden] = graph.output;
  if (hidden === undefined || !graph.input.some(({ name }) => name === 'attention_mask'))
    throw modelError('MODEL_REFUSED', {
      detail: `the encoder cannot be used: it needs an input attention_mask and an output`,
    });
  const add = appender(graph);
  const mask = add('Unsqueeze', [add('Cast', ['attention_mask'], { to: TensorProto_DataType.FLOAT })], { axes: [2] });
  const sum = add('ReduceSum', [add('Mul', [hidden.name, mask])], { axes: [1], keepdims: 0 });
  const tokens = add('ReduceSum', [mask], { axes: [1], keepdims: 0 });
  const mean = add('Div', [sum, tokens]);
  const length = add('ReduceL2', [mean], { axes: [1], keepdims: 1 });
  add('Div', [mean, length], {}, embeddings);
  graph.output = [output(embeddings, dimensionOf(model))];
  return toBinary(ModelProtoSchema, model);
}

/** Width of the embeddings that a pooled encoder gives. @throws TidemillError MODEL_REFUSED */
export function embeddingDimension(pooled: Uint8Array): number {
  return dimensionOf(parse(pooled));
}

/** The classifier as one file: a pooled encoder and a head on its embeddings. Output `logits`: float32 [texts, classes]. */
export function withHead(pooled: Uint8Array, { weights, bias }: Head): Uint8Array {
  const model = parse(pooled);
  const { graph } = model;
  const add = appender(graph);
  const classes = bias.length;
  const constant = (name: string, dims: number[], values: Float32Array) => {
    const rawData = new Uint8Array(values.slice().buffer);
    const shape = dims.map(BigInt);
    graph.initializer.push(
      create(TensorProtoSchema, { name, dims: shape, dataType: TensorProto_DataType.FLOAT, rawData }),
    );
    return name;
  };
  const products = add('MatMul', [embeddings, constant('head.weights', [weights.length / classes, classes], weights)]);
  add('Add', [products, constant('head.bias', [classes], bias)], {}, 'logits');
  graph.output = [output('logits', classes)];
  return toBinary(ModelProtoSchema, model);
}

type Parsed = ModelProto & { graph: GraphProto };

function parse(onnx: Uint8Array): Parsed {
  const model = fromBinary(ModelProtoSchema, onnx);
  const { graph } = model;
  if (graph === undefined)
    throw modelError('MODEL_REFUSED', { detail: `the encoder cannot be used: it holds no graph` });
  return Object.assign(model, { graph });
}

type Attributes = Readonly<Record<string, number | readonly number[]>>;

function appender(graph: GraphProto) {
  return (operator: string, input: string[], attributes: Attributes = {}, name?: string) =>
    push(graph.node, operator, input, attributes, name);
}

/** Adds a node that is named after what it computes; returns the name. */
// oxlint-disable-next-line max-params -- a node is all of this
function push(nodes: NodeProto[], opType: string, input: string[], attributes: Attributes = {}, name?: string): string {
  const made = name ?? `tidemill.${opType}.${input.join('+')}`;
  const attribute = Object.entries(attributes).map(([key, value]) =>
    typeof value === 'number'
      ? create(AttributeProtoSchema, { name: key, type: AttributeProto_AttributeType.INT, i: BigInt(value) })
      : create(AttributeProtoSchema, { name: key, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) }),
  );
  nodes.push(create(NodeProtoSchema, { opType, name: made, input, output: [made], attribute }));
  return made;
}

function output(name: string, width: number) {
  const dim = [
    { value: { case: 'dimParam' as const, value: 'texts' } },
    { value: { case: 'dimValue' as const, value: BigInt(width) } },
  ];
  const tensor = create(TypeProto_TensorSchema, { elemType: TensorProto_DataType.FLOAT, shape: { dim } });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  });
}

/** Last dimension of the first output. */
function dimensionOf({ graph }: Parsed): number {
  const type = graph.output[0]?.type?.value;
  const last = type?.case === 'tensorType' ? type.value.shape?.dim.at(-1)?.value : undefined;
  if (last?.case !== 'dimValue')
    throw modelError('MODEL_REFUSED', { detail: `the encoder cannot be used: its output has no fixed width` });
  return Number(last.value);
}
