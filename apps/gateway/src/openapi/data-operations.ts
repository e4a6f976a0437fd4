import { z } from 'zod';
import { predictionQuery } from '../predictions/predictions.controller.ts';
import { predictInput, predictOutput } from '../predictions/predictions.schemas.ts';
import { listQueries } from '../reports/reports.controller.ts';
import { accepted, labelInput, maximumRecords, textInput } from '../texts/texts.schemas.ts';
import { anyBytes, json, type Operation } from './operation.ts';

const oneOrMany = (input: z.ZodType) => json(z.union([input, z.array(input).min(1).max(maximumRecords)]));
const idempotent = {
  'Idempotency-Key': 'A retry with the same key and body gets the same answer and sends nothing twice.',
};

/** Texts and labels in, predictions and reports out. */
export const dataOperations: Operation[] = [
  {
    method: 'post',
    path: '/v1/texts',
    tag: 'texts',
    summary: 'Send texts to be classified; answered after the broker has acknowledged them.',
    status: 202,
    body: oneOrMany(textInput),
    answers: json(accepted),
    headers: idempotent,
    errors: [400, 404, 413, 415, 422],
  },
  {
    method: 'post',
    path: '/v1/labels',
    tag: 'texts',
    summary: 'Say what texts are; early, late, repeated or contradicting labels are all kept, the latest counts.',
    status: 202,
    body: oneOrMany(labelInput),
    answers: json(accepted),
    headers: idempotent,
    errors: [400, 404, 413, 415, 422],
  },
  {
    method: 'get',
    path: '/v1/predictions/{textId}',
    tag: 'predictions',
    summary: 'The effective prediction of a text that went through the stream.',
    status: 200,
    query: predictionQuery,
    answers: json('Prediction'),
    errors: [404, 422],
  },
  {
    method: 'post',
    path: '/v1/models/{model}/predict',
    tag: 'predictions',
    summary: 'Classify texts while you wait.',
    status: 200,
    body: json(predictInput),
    answers: json(predictOutput),
    errors: [400, 404, 413, 415, 422],
  },
  {
    method: 'post',
    path: '/v1/models/{model}/batch-predictions',
    tag: 'predictions',
    summary: 'Classify a file: one {"text"} a line in, one answer a line out, bad lines answered in their place.',
    status: 200,
    query: z.object({ version: z.number().int().min(1).optional() }),
    body: { 'application/x-ndjson': anyBytes, 'text/csv': anyBytes },
    answers: { 'application/x-ndjson': anyBytes, 'text/csv': anyBytes },
    errors: [404, 415, 422],
  },
];

/** Lists, newest first. */
export const listOperations: Operation[] = (
  [
    ['drift-reports', 'DriftReport', 'Windows compared with the reference, newest first.'],
    ['performance-reports', 'PerformanceReport', 'Predictions compared with labels, newest first.'],
    ['decisions', 'TriggerDecision', 'What the trigger policies decided and why, newest first.'],
    ['swaps', 'Swap', 'Which instance took over which version at which offsets, newest first.'],
  ] as const
).map(([name, component, summary]) => ({
  method: 'get',
  path: `/v1/models/{model}/${name}`,
  tag: 'reports',
  summary,
  status: 200,
  query: listQueries[name],
  answers: json(`${component}Page`),
  errors: [404, 422],
}));
