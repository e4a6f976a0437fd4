import type { z } from 'zod';
import { Problem } from '#libs/http';
import type { PredictOutput } from '../predictions/predictions.schemas.ts';
import type { inferInput, inferOutput } from './open-inference.schemas.ts';

type InferInput = z.output<typeof inferInput>;
type InferOutput = z.output<typeof inferOutput>;

/** The outputs there are. */
const outputNames = ['label', 'probabilities'] as const;

/**
 * The texts of a request: input `text`, BYTES, shape [n] or [n, 1], flat or nested.
 * @throws Problem 400 saying what does not fit
 */
export function textsOf({ inputs }: InferInput): string[] {
  const [input, ...others] = inputs;
  if (input === undefined || others.length > 0 || input.name !== 'text')
    throw bad(`there is one input, "text"; got ${inputs.map(({ name }) => JSON.stringify(name)).join(', ')}`);
  if (input.datatype !== 'BYTES') throw bad(`input "text" has datatype BYTES, not ${input.datatype}`);
  const [rows = 0, ...inner] = input.shape;
  if (inner.some((size) => size !== 1))
    throw bad(`input "text" has shape [n] or [n, 1], not [${input.shape.join(', ')}]`);
  const data = input.data.flat(8);
  if (data.length !== rows) throw bad(`input "text" has shape [${input.shape.join(', ')}] but ${data.length} elements`);
  if (rows === 0) throw bad('input "text" is empty');
  return data.map((value, index) => {
    if (typeof value !== 'string') throw bad(`element ${index} of input "text" is not a string`);
    return value;
  });
}

/** @throws Problem 400 for an output that does not exist */
export function wantedOutputs({ outputs }: InferInput): Set<string> {
  if (outputs === undefined || outputs.length === 0) return new Set(outputNames);
  for (const { name } of outputs)
    if (!outputNames.some((known) => known === name))
      throw bad(`there is no output ${JSON.stringify(name)}: ${outputNames.join(', ')}`);
  return new Set(outputs.map(({ name }) => name));
}

export function inferAnswer(request: InferInput, answer: PredictOutput): InferOutput {
  const wanted = wantedOutputs(request);
  const rows = answer.predictions.length;
  const classes = sortedClasses(Object.keys(answer.predictions[0]?.probabilities ?? {}));
  const outputs: InferOutput['outputs'] = [];
  if (wanted.has('label'))
    outputs.push({
      name: 'label',
      shape: [rows],
      datatype: 'BYTES',
      data: answer.predictions.map(({ label }) => label),
    });
  if (wanted.has('probabilities'))
    outputs.push({
      name: 'probabilities',
      shape: [rows, classes.length],
      datatype: 'FP32',
      data: answer.predictions.flatMap(({ probabilities }) => classes.map((name) => probabilities[name] ?? 0)),
    });
  const truncated = answer.predictions.flatMap((prediction, row) => (prediction.truncated ? [row] : []));
  return {
    model_name: answer.model,
    model_version: String(answer.version),
    ...(request.id === undefined ? {} : { id: request.id }),
    ...(truncated.length === 0 ? {} : { parameters: { truncated: JSON.stringify(truncated) } }),
    outputs,
  };
}

/** JSON objects do not keep the order of keys that look like numbers, so the columns have an order of their own. */
export function sortedClasses(names: readonly string[]): string[] {
  return names.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function bad(detail: string): Problem {
  return new Problem(400, detail);
}
