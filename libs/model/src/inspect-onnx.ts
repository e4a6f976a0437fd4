import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataLocation } from 'onnx-buf';
import { reasonOf } from '#libs/platform';
import { modelError } from './errors.ts';

/** Operator sets a model may use: ONNX itself and the ones ONNX Runtime brings; never a custom library. */
const allowedDomains = new Set(['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft']);
/** Operators that run other graphs or reach outside are not needed to classify a text. */
const refusedOperators = new Set(['If', 'Loop', 'Scan', 'PyOp', 'EPContext', 'CallSession']);

/** What a model file says about itself. */
export interface OnnxSummary {
  inputs: string[];
  outputs: string[];
  operators: string[];
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
    throw modelError('MODEL_REFUSED', { detail: `not an ONNX file: ${reasonOf(cause)}`, cause });
  }
  const { graph } = model;
  if (graph === undefined) throw modelError('MODEL_REFUSED', { detail: 'the file holds no graph' });
  for (const node of graph.node) {
    if (!allowedDomains.has(node.domain) || refusedOperators.has(node.opType)) {
      throw modelError('MODEL_REFUSED', {
        detail: `operator ${node.domain}${node.domain === '' ? '' : '.'}${node.opType} is not allowed`,
      });
    }
  }
  for (const tensor of graph.initializer) {
    if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL) {
      throw modelError('MODEL_REFUSED', { detail: `weights of ${tensor.name} lie outside the file` });
    }
  }
  const initialised = new Set(graph.initializer.map((tensor) => tensor.name));
  return {
    inputs: graph.input.map((input) => input.name).filter((name) => !initialised.has(name)),
    outputs: graph.output.map((output) => output.name),
    operators: [...new Set(graph.node.map((node) => node.opType))].toSorted(),
  };
}
