import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '#libs/http';

/** Bodies that are handed on as they arrive, never held whole. */
export const streamedTypes = [
  'application/x-ndjson',
  'application/jsonl',
  'application/jsonlines',
  'text/csv',
  'application/octet-stream',
  'application/x-tar',
  'application/gzip',
] as const;

/** Routes that take a stream; all others take JSON. */
const streamedRoutes = new Set([
  '/v1/models/:model/batch-predictions',
  '/v1/models/:model/datasets',
  '/v1/models/:model/import',
]);

/** Lets streamed bodies through unread; a handler gets the request's own stream. */
export function acceptStreams(fastify: FastifyInstance): void {
  fastify.addContentTypeParser([...streamedTypes], (_request, payload, done) => done(null, payload));
}

/** @throws Problem 415 before a byte of the body is read */
export function checkMediaType(request: FastifyRequest): void {
  const header = request.headers['content-type'];
  if (header === undefined || request.method === 'GET' || request.method === 'HEAD') return;
  const type = mediaType(header);
  const json = type === 'application/json';
  const streamed = streamedRoutes.has(request.routeOptions.url ?? '');
  if (json || (streamed && streamedTypes.some((known) => known === type))) return;
  const wanted = streamed ? ['application/json', ...streamedTypes] : ['application/json'];
  throw new Problem(415, `${type === '' ? 'this body' : type} is not read here; send ${wanted.join(', ')}`);
}

/** The type without parameters, in lower case. */
export function mediaType(header: string): string {
  return (header.split(';')[0] ?? '').trim().toLowerCase();
}
