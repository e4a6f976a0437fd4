import { fromBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  type SparseTensorProto,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type ValueInfoProto,
} from 'onnx-buf';
import { reasonOf } from '#libs/platform';
import { refusal } from './errors.ts';

/** Operator sets a model may use: ONNX itself and the ones ONNX Runtime brings; never a custom library. */
const allowedDomains = new Set(['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft']);
/**
 * Operators that run other graphs or reach outside, which is not needed to classify a text, and those that answer at
 * random: golden texts would prove nothing.
 */
const refusedOperators = new Set(
  (
    'If Loop Scan PyOp EPContext CallSession ' +
    'RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial'
  ).split(' '),
);

/** An input or output of a graph. */
export interface OnnxValue {
  name: string;
  /** As ONNX names it: FLOAT, INT64, …; undefined for what is no tensor. */
  type: string | undefined;
  /** Sizes, undefined where one changes from run to run; undefined as a whole where the graph does not say. */
  dimensions: (number | undefined)[] | undefined;
}

/** What a model file says about itself. */
export interface OnnxSummary {
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  operators: string[];
  /** Rows of the table that token ids are looked up in, where the graph does so at once. */
  embeddingRows: number | undefined;
}

/**
 * Refuses a model file that is not a single self-contained graph of allowed operators.
 * @throws TidemillError MODEL_REFUSED
 */
export function inspectOnnx(bytes: Uint8Array): OnnxSummary {
  let model;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw refusal('MODEL_REFUSED', `not an ONNX file: ${reasonOf(cause)}`);
  }
  const { graph } = model;
  if (graph === undefined) throw refusal('MODEL_REFUSED', 'the file holds no graph');
  const nodes = [...graph.node, ...model.functions.flatMap((inner) => inner.node)];
  for (const node of nodes) checkNode(node);
  for (const { name, attributeProto } of model.functions) checkAttributes(`function ${name}`, attributeProto);
  for (const tensor of [...graph.initializer, ...graph.sparseInitializer.flatMap(partsOf)]) checkTensor(tensor);
  const initialised = new Set(graph.initializer.map((tensor) => tensor.name));
  return {
    inputs: graph.input.map(valueOf).filter(({ name }) => !initialised.has(name)),
    outputs: graph.output.map(valueOf),
    operators: [...new Set(nodes.map((node) => node.opType))].toSorted(),
    embeddingRows: embeddingRowsOf(graph),
  };
}

function checkNode(node: NodeProto): void {
  if (!allowedDomains.has(node.domain) || refusedOperators.has(node.opType)) {
    throw refusal(
      'MODEL_REFUSED',
      `operator ${node.domain}${node.domain === '' ? '' : '.'}${node.opType} is not allowed`,
    );
  }
  if (node.opType === 'Dropout' && (node.input[2] ?? '') !== '')
    throw refusal('MODEL_REFUSED', 'operator Dropout has a training mode; export the model for inference');
  checkAttributes(`operator ${node.opType}`, node.attribute);
}

function checkAttributes(owner: string, attributes: readonly AttributeProto[]): void {
  for (const { g, graphs, t, tensors, sparseTensor, sparseTensors } of attributes) {
    if (g !== undefined || graphs.length > 0) throw refusal('MODEL_REFUSED', `${owner} holds a graph of its own`);
    for (const tensor of [t, ...tensors, ...[sparseTensor, ...sparseTensors].flatMap(partsOf)]) checkTensor(tensor);
  }
}

/** A sparse tensor is two tensors, each of which may lie anywhere. */
function partsOf(sparse: SparseTensorProto | undefined): (TensorProto | undefined)[] {
  return [sparse?.values, sparse?.indices];
}

function checkTensor(tensor: TensorProto | undefined): void {
  if (tensor === undefined) return;
  if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL && tensor.externalData.length === 0) return;
  throw refusal('MODEL_REFUSED', `weights of ${tensor.name} lie outside the file; export the model as a single file`);
}

function valueOf({ name, type }: ValueInfoProto): OnnxValue {
  if (type?.value.case !== 'tensorType') return { name, type: undefined, dimensions: undefined };
  const { elemType, shape } = type.value.value;
  const dimensions = shape?.dim.map(({ value }) => (value.case === 'dimValue' ? Number(value.value) : undefined));
  return { name, type: TensorProto_DataType[elemType], dimensions };
}

function embeddingRowsOf(graph: GraphProto): number | undefined {
  const lookUp = graph.node.find((node) => node.opType === 'Gather' && node.input[1] === 'input_ids');
  const rows = graph.initializer.find((tensor) => tensor.name === lookUp?.input[0])?.dims[0];
  return rows === undefined ? undefined : Number(rows);
}

/** Dynamic quantisation takes its scale from the whole run, so that texts change each other's answers. */
export function quantisesWhileRunning({ operators }: OnnxSummary): boolean {
  return operators.some((operator) => operator.startsWith('DynamicQuantize'));
}
