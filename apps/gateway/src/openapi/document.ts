import type { OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { inferenceError } from '../open-inference/open-inference.schemas.ts';
import { type JsonSchema, recordSchema } from './avro-schema.ts';
import type { Operation } from './operation.ts';
import { allOperations } from './operations.ts';

const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().describe('What went wrong and what to do next.'),
    instance: z.string().optional(),
    errors: z
      .array(z.object({ pointer: z.string().describe('JSON pointer to the field.'), message: z.string() }))
      .optional(),
    known: z.array(z.string()).optional().describe('What there is of what was asked for.'),
    legal: z.array(z.string()).optional().describe('What may be done instead, as `promote model@2`.'),
  })
  .meta({ id: 'Problem' });

const time = z.iso.datetime({ offset: true }).nullable();
const swap = z
  .object({
    model: z.string(),
    epoch: z.number().int(),
    version: z.number().int(),
    fromVersion: z.number().int().nullable(),
    action: z.string(),
    reason: z.string(),
    promotedBy: z.string(),
    promotedAt: z.iso.datetime({ offset: true }),
    instance: z.string().nullable().describe('null: no instance took note of it yet.'),
    state: z
      .enum(['none', 'requested', 'fetched', 'verified', 'warm', 'serving', 'failed', 'superseded', 'stale'])
      .describe('How far the instance came.'),
    requestedAt: time,
    fetchedAt: time,
    verifiedAt: time,
    warmAt: time,
    servingAt: time,
    firstOffsets: z
      .array(z.object({ partition: z.number().int(), offset: z.number().int(), at: z.iso.datetime({ offset: true }) }))
      .describe('For each partition of texts the first offset it answered, and when.'),
    failures: z.number().int().describe('Attempts that failed.'),
    error: z.string().nullable().describe('Why the last attempt that did not end well failed.'),
    device: z.string().nullable(),
  })
  .meta({ id: 'Swap' });

const recordComponents = {
  Prediction: 'predictions',
  DriftReport: 'drift-reports',
  PerformanceReport: 'performance-reports',
  TriggerDecision: 'trigger-decisions',
} as const;

const errorTitles: Record<number, string> = {
  400: 'Malformed',
  401: 'No or a wrong token',
  403: 'A host or page that is not trusted',
  404: 'Unknown; the known models are named',
  409: 'An illegal transition; the legal ones are named',
  413: 'Too large',
  415: 'Not a media type this endpoint reads',
  422: 'Invalid, with a pointer to each field',
  429: 'Overload; Retry-After says when to come back',
  503: 'Overload or a part that cannot be reached; Retry-After says when to come back',
};

/** The OpenAPI 3.1 document, made of the schemas that also check the input. */
export function openApiDocument(version: string): OpenAPIObject {
  const components: Record<string, JsonSchema> = {};
  for (const schema of [problem, inferenceError, swap]) reference(schema, components, 'output');
  for (const [name, topic] of Object.entries(recordComponents)) components[name] = recordSchema(topic);
  for (const name of ['DriftReport', 'PerformanceReport', 'TriggerDecision', 'Swap'])
    components[`${name}Page`] = pageOf(name);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of allOperations)
    (paths[operation.path] ??= {})[operation.method] = operationObject(operation, components);
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Tidemill',
      version,
      description: 'Texts and labels in; predictions, drift, accuracy and model versions out.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }],
    paths,
    components: { schemas: components, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  };
  return document as OpenAPIObject;
}

function operationObject(operation: Operation, components: Record<string, JsonSchema>) {
  const content = (types: Record<string, z.ZodType | string>, io: 'input' | 'output') =>
    Object.fromEntries(
      Object.entries(types).map(([type, schema]) => [type, { schema: reference(schema, components, io) }]),
    );
  const failure = operation.path.startsWith('/v2')
    ? { 'application/json': { schema: { $ref: '#/components/schemas/InferenceError' } } }
    : { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  const errors = [...(operation.errors ?? []), 401, 403, 429, 503];
  return {
    operationId: operationId(operation),
    tags: [operation.tag],
    summary: operation.summary,
    parameters: parameters(operation),
    ...(operation.body === undefined
      ? {}
      : { requestBody: { required: operation.bodyRequired ?? true, content: content(operation.body, 'input') } }),
    responses: {
      [operation.status]: { description: 'Done', content: content(operation.answers, 'output') },
      ...Object.fromEntries(
        errors.map((status) => [
          status,
          {
            description: errorTitles[status] ?? '',
            ...(status === 429 || status === 503
              ? { headers: { 'Retry-After': { schema: { type: 'integer' }, description: 'Seconds.' } } }
              : {}),
            content:
              status === 503 && operation.unavailable !== undefined
                ? either(operation.unavailable, components)
                : failure,
          },
        ]),
      ),
    },
  };
}

/** A readiness probe that says no is not an error. */
function either(unavailable: z.ZodType, components: Record<string, JsonSchema>) {
  const schemas = [reference(unavailable, components, 'output'), { $ref: '#/components/schemas/InferenceError' }];
  return { 'application/json': { schema: { anyOf: schemas } } };
}

function operationId({ method, path }: Operation): string {
  return `${method}-${path.replaceAll(/[{}]/g, '').split('/').filter(Boolean).join('-')}`;
}

function parameters({ path, query, headers }: Operation): unknown[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: name === 'version' ? { type: 'integer', minimum: 1 } : { type: 'string' },
  }));
  const { properties = {} } = query === undefined ? {} : objectSchema(query);
  const inQuery = Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
  const inHeader = Object.entries(headers ?? {}).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  }));
  return [...inPath, ...inQuery, ...inHeader];
}

function objectSchema(schema: z.ZodType): { properties?: Record<string, JsonSchema> } {
  return reference(schema, {}, 'input');
}

/** Schemas with an id become components, written once. */
function reference(
  schema: z.ZodType | string,
  components: Record<string, JsonSchema>,
  io: 'input' | 'output',
): JsonSchema {
  if (typeof schema === 'string') return { $ref: `#/components/schemas/${schema}` };
  const { $defs = {}, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12', unrepresentable: 'any' });
  const id = schema.meta()?.id;
  for (const [name, definition] of Object.entries($defs)) components[name] ??= hoisted(definition);
  if (id === undefined) return hoisted(rest);
  components[id] ??= hoisted(rest);
  return { $ref: `#/components/schemas/${id}` };
}

/** A schema whose references point at the components. */
function hoisted(schema: object): JsonSchema {
  const text = JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/');
  const { $schema: _dialect, $id: _id, id: _name, ...rest } = JSON.parse(text) as JsonSchema;
  return rest;
}

function pageOf(name: string): JsonSchema {
  return {
    type: 'object',
    properties: {
      items: { type: 'array', items: { $ref: `#/components/schemas/${name}` } },
      nextCursor: { type: ['string', 'null'], description: 'Where the next page begins; null on the last one.' },
    },
    required: ['items', 'nextCursor'],
    additionalProperties: false,
  };
}
