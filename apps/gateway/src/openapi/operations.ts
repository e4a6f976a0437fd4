import { z } from 'zod';
import {
  deadLetterListOutput,
  deadLetterQuery,
  deadLettersChanged,
  deadLetterSelection,
  deadLettersOutput,
} from '../operations/dead-letters.schemas.ts';
import { systemStatus } from '../operations/system-status.ts';
import { sqlInput } from '../sql/sql.controller.ts';
import { dataOperations, listOperations } from './data-operations.ts';
import { openInferenceOperations, registryOperations } from './model-operations.ts';
import { anyBytes, json, type Operation } from './operation.ts';

const sqlOutput = z
  .object({
    columns: z.array(z.object({ name: z.string(), type: z.string() })),
    rows: z.array(z.array(z.unknown())),
  })
  .meta({ id: 'SqlOutput' });
const operations: Operation[] = [
  {
    method: 'get',
    path: '/v1/events',
    tag: 'operations',
    summary: 'Server-sent events: reports, decisions, versions, swaps, throughput each second.',
    status: 200,
    answers: { 'text/event-stream': anyBytes },
    query: z.object({ types: z.string().optional().describe('Names of events, comma-separated; default: all.') }),
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
  ...dataOperations,
  ...registryOperations,
  ...listOperations,
  ...openInferenceOperations,
  ...operations,
];
