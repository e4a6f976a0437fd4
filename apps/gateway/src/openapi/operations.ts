import { z } from 'zod';
import {
  deadLetterListOutput,
  deadLetterQuery,
  deadLettersOutput,
  deadLetterSelection,
  deadLettersChanged,
} from '../operations/dead-letters.schemas.ts';
import * as models from '../models/models.schemas.ts';
import * as protocol from '../open-inference/open-inference.schemas.ts';
import { systemStatus } from '../operations/system-status.ts';
import { predictionQuery } from '../predictions/predictions.controller.ts';
import { predictInput, predictOutput } from '../predictions/predictions.schemas.ts';
import { listQueries } from '../reports/reports.controller.ts';
import { sqlInput } from '../sql/sql.controller.ts';
import { accepted, labelInput, maximumRecords, textInput } from '../texts/texts.schemas.ts';

/** One endpoint; named schemas become components, `record:` ones come from the Avro schemas of the topics. */
export interface Operation {
  method: 'get' | 'post';
  path: string;
  tag: string;
  summary: string;
  status: number;
  /** Media type to schema, or to the name of a component. */
  answers: Record<string, z.ZodType | string>;
  body?: Record<string, z.ZodType | string>;
  bodyRequired?: boolean;
  query?: z.ZodType;
  headers?: Record<string, string>;
  /** What 503 says besides an error. */
  unavailable?: z.ZodType;
  /** Error statuses beyond those of every endpoint. */
  errors?: number[];
}

const json = (schema: z.ZodType | string) => ({ 'application/json': schema });
const oneOrMany = (input: z.ZodType) => json(z.union([input, z.array(input).min(1).max(maximumRecords)]));
const sqlOutput = z
  .object({
    columns: z.array(z.object({ name: z.string(), type: z.string() })),
    rows: z.array(z.array(z.unknown())),
  })
  .meta({ id: 'SqlOutput' });
const anyBytes = z.string();
const idempotent = {
  'Idempotency-Key': 'A retry with the same key and body gets the same answer and sends nothing twice.',
};

const texts: Operation[] = [
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
];

const predictions: Operation[] = [
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

const registry: Operation[] = [
  {
    method: 'get',
    path: '/v1/models',
    tag: 'models',
    summary: 'Every model.',
    status: 200,
    answers: json(models.modelsOutput),
  },
  {
    method: 'get',
    path: '/v1/models/{model}',
    tag: 'models',
    summary: 'One model and its versions.',
    status: 200,
    answers: json(models.modelOutput),
    errors: [404],
  },
  {
    method: 'get',
    path: '/v1/models/{model}/versions',
    tag: 'models',
    summary: 'Versions of a model.',
    status: 200,
    answers: json(models.versionsOutput),
    errors: [404],
  },
  {
    method: 'get',
    path: '/v1/models/{model}/versions/{version}',
    tag: 'models',
    summary: 'One version with metrics and lineage.',
    status: 200,
    answers: json(models.versionOutput),
    errors: [404],
  },
  {
    method: 'post',
    path: '/v1/models/{model}/versions/{version}/promote',
    tag: 'models',
    summary: 'Let a version serve.',
    status: 202,
    body: json(models.transitionInput),
    bodyRequired: false,
    answers: json(models.followOutput),
    errors: [404, 409, 422],
  },
  {
    method: 'post',
    path: '/v1/models/{model}/versions/{version}/archive',
    tag: 'models',
    summary: 'Put a version away.',
    status: 202,
    body: json(models.transitionInput),
    bodyRequired: false,
    answers: json(models.followOutput),
    errors: [404, 409, 422],
  },
  {
    method: 'post',
    path: '/v1/models/{model}/rollback',
    tag: 'models',
    summary: 'Let an earlier version serve again.',
    status: 202,
    body: json(models.rollbackInput),
    bodyRequired: false,
    answers: json(models.followOutput),
    errors: [404, 409, 422],
  },
  {
    method: 'post',
    path: '/v1/models/{model}/retraining-requests',
    tag: 'models',
    summary: 'Ask for a new version.',
    status: 202,
    body: json(models.retrainingInput),
    bodyRequired: false,
    answers: json(models.followOutput),
    errors: [404, 409, 422],
  },
  {
    method: 'post',
    path: '/v1/models/{model}/datasets',
    tag: 'models',
    summary: 'Upload labelled texts, one {"text","label"} a line.',
    status: 201,
    body: { 'application/x-ndjson': anyBytes },
    answers: json(models.datasetOutput),
    errors: [415, 422],
  },
  {
    method: 'post',
    path: '/v1/models/{model}/import',
    tag: 'models',
    summary: 'Register a bundle made elsewhere.',
    status: 202,
    body: { 'application/x-tar': anyBytes, 'application/json': z.looseObject({}) },
    answers: json(models.followOutput),
    errors: [409, 415, 422],
  },
  {
    method: 'get',
    path: '/v1/bundles/{digest}/{file}',
    tag: 'models',
    summary: 'One file of a bundle.',
    status: 200,
    answers: { 'application/octet-stream': anyBytes },
    errors: [404],
  },
  {
    method: 'get',
    path: '/v1/runs',
    tag: 'models',
    summary: 'Training runs, newest first.',
    status: 200,
    answers: json(models.runsOutput),
  },
  {
    method: 'get',
    path: '/v1/runs/{run}',
    tag: 'models',
    summary: 'One training run.',
    status: 200,
    answers: json(models.runsOutput),
    errors: [404],
  },
];

const lists: Operation[] = (
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

const openInference: Operation[] = [
  {
    method: 'get',
    path: '/v2',
    tag: 'open-inference',
    summary: 'The server.',
    status: 200,
    answers: json(protocol.serverMetadata),
  },
  {
    method: 'get',
    path: '/v2/health/live',
    tag: 'open-inference',
    summary: 'Liveness.',
    status: 200,
    answers: json(protocol.live),
  },
  {
    method: 'get',
    path: '/v2/health/ready',
    tag: 'open-inference',
    summary: 'Readiness; 503 when not.',
    status: 200,
    answers: json(protocol.ready),
    unavailable: protocol.ready,
  },
  ...['/v2/models/{model}', '/v2/models/{model}/versions/{version}'].flatMap((path): Operation[] => [
    {
      method: 'get',
      path,
      tag: 'open-inference',
      summary: 'Model metadata.',
      status: 200,
      answers: json(protocol.modelMetadata),
      errors: [404],
    },
    {
      method: 'get',
      path: `${path}/ready`,
      tag: 'open-inference',
      summary: 'Whether it can be asked; 503 when not.',
      status: 200,
      answers: json(protocol.modelReady),
      unavailable: protocol.modelReady,
      errors: [404],
    },
    {
      method: 'post',
      path: `${path}/infer`,
      tag: 'open-inference',
      summary: 'Inference on input `text` (BYTES).',
      status: 200,
      body: json(protocol.inferInput),
      answers: json(protocol.inferOutput),
      errors: [400, 404, 413, 415],
    },
  ]),
];

const operations: Operation[] = [
  {
    method: 'get',
    path: '/v1/events',
    tag: 'operations',
    summary: 'Server-sent events: reports, decisions, versions, swaps, throughput each second.',
    status: 200,
    answers: { 'text/event-stream': anyBytes },
    headers: { 'Last-Event-ID': 'Events after this one are sent first.' },
  },
  {
    method: 'get',
    path: '/v1/status',
    tag: 'operations',
    summary: 'Every app, consumer lags, and whether anything is pending.',
    status: 200,
    answers: json(systemStatus),
  },
  {
    method: 'post',
    path: '/v1/sql',
    tag: 'operations',
    summary: 'One SELECT on the analytics tables; needs a token.',
    status: 200,
    body: json(sqlInput),
    answers: json(sqlOutput),
    errors: [401, 422],
  },
  {
    method: 'get',
    path: '/v1/dead-letters',
    tag: 'operations',
    summary: 'Dead-letter topics and how many records wait in each.',
    status: 200,
    answers: json(deadLettersOutput),
  },
  {
    method: 'get',
    path: '/v1/dead-letters/{topic}',
    tag: 'operations',
    summary: 'Dead letters of a topic, newest first.',
    status: 200,
    query: deadLetterQuery,
    answers: json(deadLetterListOutput),
    errors: [404, 422],
  },
  {
    method: 'post',
    path: '/v1/dead-letters/{topic}/replay',
    tag: 'operations',
    summary: 'Send dead letters to their topic again, bytes unchanged.',
    status: 200,
    body: json(deadLetterSelection),
    answers: json(deadLettersChanged),
    errors: [404, 415, 422],
  },
  {
    method: 'post',
    path: '/v1/dead-letters/{topic}/drop',
    tag: 'operations',
    summary: 'Mark dead letters as done.',
    status: 200,
    body: json(deadLetterSelection),
    answers: json(deadLettersChanged),
    errors: [404, 415, 422],
  },
];

/** Every endpoint of the gateway. */
export const allOperations: readonly Operation[] = [
  ...texts,
  ...predictions,
  ...registry,
  ...lists,
  ...openInference,
  ...operations,
];
