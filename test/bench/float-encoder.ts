import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type GraphProto, ModelProtoSchema, TensorProto_DataType, type TensorProto, TensorProtoSchema } from 'onnx-buf';

/**
 * A dynamically quantised graph with float32 weights instead: what a text is answered no longer depends on its batch.
 * Each chain DynamicQuantizeLinear → MatMulInteger → Cast → Mul becomes one MatMul.
 */
export function floatEncoder(onnx: Uint8Array): Uint8Array {
  const model = fromBinary(ModelProtoSchema, onnx);
  const { graph } = model;
  if (graph === undefined) throw new Error('no graph');
  const replaced = new Set<unknown>();
  for (const product of graph.node.filter(({ opType }) => opType === 'MatMulInteger')) {
    const [quantised = '', weights = '', , zeroPoint = ''] = product.input;
    const quantiser = nodeOf(graph, (node) => node.output.includes(quantised));
    const cast = nodeOf(graph, (node) => node.input.includes(product.output[0] ?? ''));
    const scaled = nodeOf(graph, (node) => node.input.includes(cast.output[0] ?? ''));
    const scales = nodeOf(graph, (node) => scaled.input.includes(node.output[0] ?? '') && node.opType === 'Mul');
    const scale = scales.input.find((name) => graph.initializer.some((tensor) => tensor.name === name)) ?? '';
    const name = `${weights}.float32`;
    const tensors = { zero: tensorOf(graph, zeroPoint), scale: tensorOf(graph, scale) };
    graph.initializer.push(dequantised(name, tensorOf(graph, weights), tensors));
    product.opType = 'MatMul';
    product.input = [quantiser.input[0] ?? '', name];
    product.output = [...scaled.output];
    for (const gone of [cast, scaled, scales]) replaced.add(gone);
  }
  graph.node = graph.node.filter((node) => !replaced.has(node));
  return toBinary(ModelProtoSchema, model);
}

function nodeOf(graph: GraphProto, wanted: (node: GraphProto['node'][number]) => boolean) {
  const node = graph.node.find(wanted);
  if (node === undefined) throw new Error('the graph is not quantised as expected');
  return node;
}

function tensorOf({ initializer }: GraphProto, name: string): TensorProto {
  const tensor = initializer.find((one) => one.name === name);
  if (tensor === undefined) throw new Error(`no initializer ${name}`);
  return tensor;
}

function dequantised(
  name: string,
  { dims, dataType, rawData }: TensorProto,
  by: { zero: TensorProto; scale: TensorProto },
) {
  const signed = dataType === TensorProto_DataType.INT8;
  const quantised = signed ? new Int8Array(rawData) : rawData;
  const zeroes = signed ? new Int8Array(by.zero.rawData) : by.zero.rawData;
  const scales = floats(by.scale);
  const columns = Number(dims.at(-1));
  const values = Float32Array.from(quantised, (value, i) => {
    // One scale for all of it, or one a column.
    const column = i % columns;
    return (value - (zeroes[zeroes.length === 1 ? 0 : column] ?? 0)) * (scales[scales.length === 1 ? 0 : column] ?? 0);
  });
  const dataTypeFloat = TensorProto_DataType.FLOAT;
  return create(TensorProtoSchema, { name, dims, dataType: dataTypeFloat, rawData: new Uint8Array(values.buffer) });
}

function floats({ rawData, floatData }: TensorProto): ArrayLike<number> {
  return rawData.length === 0 ? floatData : new Float32Array(rawData.slice().buffer);
}
