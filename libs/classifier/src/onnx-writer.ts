/**
 * The part of ONNX's protobuf encoding that a graph of plain nodes needs.
 * Source: onnx/onnx.proto3 (field numbers) and the Protocol Buffers wire format.
 */
const dataTypes = { float32: 1, int16: 5, int32: 6, int64: 7 } as const;
export type DataType = keyof typeof dataTypes;

/** A dimension: its size, or a name where it changes from run to run. */
export type Dimension = number | string;

export interface OnnxTensor {
  name: string;
  type: DataType;
  dimensions: readonly number[];
  values: Float32Array | Int16Array | Int32Array | BigInt64Array;
}

export interface OnnxNode {
  operator: string;
  inputs: readonly string[];
  output: string;
  /** Integer attributes. */
  attributes?: Readonly<Record<string, number>>;
}

export interface OnnxValue {
  name: string;
  type: DataType;
  dimensions: readonly Dimension[];
}

export interface OnnxGraph {
  name: string;
  input: OnnxValue;
  output: OnnxValue;
  nodes: readonly OnnxNode[];
  initialisers: readonly OnnxTensor[];
}

const irVersion = 8;
const operatorSet = 17;

/** Encodes a model of one graph; equal graphs give equal bytes. */
export function encodeModel(graph: OnnxGraph): Uint8Array {
  const body = message(
    ...graph.nodes.map((node) => field(1, encodeNode(node))),
    field(2, graph.name),
    ...graph.initialisers.map((tensor) => field(5, encodeTensor(tensor))),
    field(11, encodeValue(graph.input)),
    field(12, encodeValue(graph.output)),
  );
  return message(field(1, irVersion), field(2, 'tidemill'), field(7, body), field(8, message(field(2, operatorSet))));
}

function encodeNode({ operator, inputs, output, attributes = {} }: OnnxNode): Uint8Array {
  const integer = 2; // AttributeProto.AttributeType.INT
  return message(
    ...inputs.map((name) => field(1, name)),
    field(2, output),
    field(3, output), // the node is named after what it computes
    field(4, operator),
    ...Object.entries(attributes).map(([name, value]) =>
      field(5, message(field(1, name), field(3, value), field(20, integer))),
    ),
  );
}

function encodeTensor({ name, type, dimensions, values }: OnnxTensor): Uint8Array {
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength); // little-endian, as ONNX wants it
  return message(...dimensions.map((size) => field(1, size)), field(2, dataTypes[type]), field(8, name), field(9, raw));
}

function encodeValue({ name, type, dimensions }: OnnxValue): Uint8Array {
  const shape = message(...dimensions.map((size) => field(1, message(field(typeof size === 'number' ? 1 : 2, size)))));
  return message(field(1, name), field(2, message(field(1, message(field(1, dataTypes[type]), field(2, shape))))));
}

/** A field: a number as varint, anything else with its length in front. */
function field(number: number, value: number | string | Uint8Array): Uint8Array {
  if (typeof value === 'number') return message(varint(number << 3), varint(value));
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return message(varint((number << 3) | 2), varint(bytes.length), bytes);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Uint8Array.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

function message(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}
