import { describe, expect, it } from 'vitest';
import { inferAnswer, textsOf } from './tensors.ts';

const input = (data: unknown[], shape = [data.length]) => ({
  inputs: [{ name: 'text', shape, datatype: 'BYTES', data }],
});

describe('Open Inference tensors', () => {
  it('takes texts flat and nested', () => {
    expect(textsOf(input(['a', 'b']))).toEqual(['a', 'b']);
    expect(textsOf(input([['a'], ['b']], [2, 1]))).toEqual(['a', 'b']);
  });

  it.each([
    ['another name', { inputs: [{ name: 'x', shape: [1], datatype: 'BYTES', data: ['a'] }] }, 'there is one input'],
    ['another type', { inputs: [{ name: 'text', shape: [1], datatype: 'FP32', data: ['a'] }] }, 'datatype BYTES'],
    ['a shape that does not fit', input(['a'], [2]), '1 elements'],
    ['two columns', input(['a', 'b'], [1, 2]), 'shape [n] or [n, 1]'],
    ['a number', input([5]), 'not a string'],
    ['nothing', input([]), 'empty'],
  ])('refuses %s', (_name, request, message) => {
    expect(() => textsOf(request)).toThrow(message);
  });

  it('answers classes in ascending order, also those that look like numbers', () => {
    const probabilities = { '2': 0.2, '10': 0.5, '1': 0.3 };
    const prediction = { label: '10', confidence: 0.5, probabilities, truncated: false };
    const answer = inferAnswer(
      { ...input(['a']), id: 'q' },
      { model: 'm', version: 3, epoch: 4, predictions: [prediction] },
    );
    expect(answer).toEqual({
      model_name: 'm',
      model_version: '3',
      id: 'q',
      outputs: [
        { name: 'label', shape: [1], datatype: 'BYTES', data: ['10'] },
        { name: 'probabilities', shape: [1, 3], datatype: 'FP32', data: [0.3, 0.5, 0.2] },
      ],
    });
  });

  it('answers only the outputs asked for', () => {
    const request = { ...input(['a']), outputs: [{ name: 'label' }] };
    const prediction = { label: 'a', confidence: 1, probabilities: { a: 1 }, truncated: false };
    const answer = inferAnswer(request, { model: 'm', version: 1, epoch: 1, predictions: [prediction] });
    expect(answer.outputs.map(({ name }) => name)).toEqual(['label']);
  });

  it('says which texts were cut', () => {
    const cut = (truncated: boolean) => ({ label: 'a', confidence: 1, probabilities: { a: 1 }, truncated });
    const predictions = [cut(true), cut(false), cut(true)];
    const answer = inferAnswer(input(['a', 'b', 'c']), { model: 'm', version: 1, epoch: 1, predictions });
    expect(answer.parameters).toEqual({ truncated: '[0,2]' });
  });
});
