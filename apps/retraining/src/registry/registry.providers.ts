import type { FastifyInstance } from 'fastify';
import { BundlesController } from './bundles.controller.ts';
import { ModelsController } from './models.controller.ts';
import { TransitionsController } from './transitions.controller.ts';
import { UploadsController } from './uploads.controller.ts';

export const registryControllers = [ModelsController, TransitionsController, UploadsController, BundlesController];

const streamedTypes = [
  'application/x-ndjson',
  'application/jsonl',
  'application/jsonlines',
  'text/csv',
  'application/x-tar',
  'application/octet-stream',
];

/** Uploads are read as they arrive, never held whole. */
export function acceptUploads(fastify: FastifyInstance): void {
  fastify.addContentTypeParser(streamedTypes, (_request, payload, done) => done(null, payload));
}
