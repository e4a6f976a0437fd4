import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProtoSchema,
  type GraphProtoSchema,
  ModelProtoSchema,
  TensorProto_DataLocation,
  type TensorProtoSchema,
} from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { inspectOnnx } from './inspect-onnx.ts';

const onnx = (model: MessageInitShape<typeof ModelProtoSchema>) =>
  toBinary(ModelProtoSchema, create(ModelProtoSchema, model));

const outside: MessageInitShape<typeof TensorProtoSchema> = {
  name: 'far',
  dataLocation: TensorProto_DataLocation.EXTERNAL,
  externalData: [{ key: 'location', value: 'weights.bin' }],
};
const inside: MessageInitShape<typeof TensorProtoSchema> = { name: 'near', rawData: new Uint8Array(4) };

describe('weights outside the file are found', () => {
  it.each<[string, MessageInitShape<typeof GraphProtoSchema>]>([
    ['an initializer', { initializer: [inside, outside] }],
    ['the values of a sparse initializer', { sparseInitializer: [{ values: outside, indices: inside }] }],
    ['the indices of a sparse initializer', { sparseInitializer: [{ values: inside, indices: outside }] }],
  ])('in %s', (_, graph) => {
    expect(() => inspectOnnx(onnx({ graph }))).toThrow('weights of far lie outside the file');
  });

  it.each<[string, MessageInitShape<typeof AttributeProtoSchema>]>([
    ['a tensor', { t: outside }],
    ['tensors', { tensors: [inside, outside] }],
    ['the values of a sparse tensor', { sparseTensor: { values: outside, indices: inside } }],
    ['the indices of sparse tensors', { sparseTensors: [{ values: inside, indices: outside }] }],
  ])('in an attribute that holds %s, of a node or by default of a function', (_, attribute) => {
    const node = [{ opType: 'Constant', attribute: [attribute] }];
    const models = [
      { graph: { node } },
      { graph: {}, functions: [{ node }] },
      { graph: {}, functions: [{ attributeProto: [attribute] }] },
    ];
    for (const model of models) expect(() => inspectOnnx(onnx(model))).toThrow('weights of far lie outside the file');
  });
});

it('a graph in the default of an attribute of a function is refused', () => {
  const attributeProto = [{ name: 'body', g: {} }];
  expect(() => inspectOnnx(onnx({ graph: {}, functions: [{ name: 'inner', attributeProto }] }))).toThrow(
    'function inner holds a graph of its own',
  );
});

it('dropout is refused where it may be that of training, which is at random', () => {
  const node = (input: string[]) => onnx({ graph: { node: [{ opType: 'Dropout', input }] } });
  expect(inspectOnnx(node(['x', 'ratio'])).operators).toEqual(['Dropout']);
  expect(() => inspectOnnx(node(['x', 'ratio', 'training']))).toThrow('export the model for inference');
});

it.each(['RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike', 'Bernoulli', 'Multinomial'])(
  'an operator that answers at random is refused: %s',
  (opType) => {
    const refusal = `operator ${opType} is not allowed`;
    expect(() => inspectOnnx(onnx({ graph: { node: [{ opType }] } }))).toThrow(refusal);
    expect(() => inspectOnnx(onnx({ graph: {}, functions: [{ node: [{ opType }] }] }))).toThrow(refusal);
  },
);
