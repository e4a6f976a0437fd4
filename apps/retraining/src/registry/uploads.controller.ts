import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Controller, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Problem } from '#libs/http';
import {
  type Bundle,
  bundleFromOptimum,
  hostModel,
  inspectApart,
  maximumBundleBytes,
  ModelHost,
  readBundle,
} from '#libs/model';
import { type Configuration, reasonOf, TidemillError } from '#libs/platform';
import { ArtifactStore, Registry, unpackTar } from '#libs/registry';
import { CONFIGURATION } from '../tokens.ts';
import { DatasetUpload } from './dataset-upload.ts';
import { checkModelName, orProblem, parsed } from './registry-problems.ts';

const uploader = z.object({
  by: z.string().min(1).max(200).default('unknown'),
  reason: z.string().max(1000).default(''),
});

/** What people bring: labelled texts and bundles made elsewhere. */
@Controller('v1/models/:model')
export class UploadsController {
  constructor(
    @Inject(Registry) private readonly registry: Registry,
    @Inject(ArtifactStore) private readonly store: ArtifactStore,
    @Inject(CONFIGURATION) private readonly config: Configuration,
  ) {}

  /** Labelled texts, one JSON object a line or CSV; the model need not exist yet. */
  @Post('datasets')
  @HttpCode(201)
  async dataset(@Param('model') model: string, @Query() query: unknown, @Req() request: FastifyRequest) {
    checkModelName(model);
    const { by } = parsed(uploader, query);
    const format = (request.headers['content-type'] ?? '').startsWith('text/csv') ? 'csv' : 'jsonl';
    const body = bodyOf(request, 'application/x-ndjson');
    const upload = new DatasetUpload(body, format, this.config.stream.maximumTextBytes);
    const digest = await this.store.putBlob(upload);
    const { texts, labels } = upload;
    await this.registry.addDataset({ model, digest, texts, labels, by });
    return { digest, texts, labels };
  }

  /**
   * A bundle, or an Optimum export that becomes one, as a tar archive: verified, inspected and run in a host before it
   * becomes a version. Idempotent by digest.
   */
  @Post('import')
  @HttpCode(201)
  async import(@Param('model') model: string, @Query() query: unknown, @Req() request: FastifyRequest) {
    checkModelName(model);
    const { by, reason } = parsed(uploader, query);
    const archive = bodyOf(request, 'application/x-tar');
    return await orProblem(() =>
      this.store.withTemporary(async (temporary) => {
        const folder = join(temporary, 'bundle');
        await unpackTar(archive, folder, { maximumBytes: maximumBundleBytes });
        const complete = existsSync(join(folder, 'manifest.json'));
        const bundle = complete ? await readBundle(folder) : await this.#bundleFrom(folder, model);
        const { digest } = bundle;
        const { labels, trainer } = bundle.manifest;
        const same = this.registry.model(model)?.versions.find((version) => version.digest === digest);
        if (same !== undefined) return { model, version: same.version, digest, labels };
        // What was made of an export has been inspected.
        if (complete) await inspectApart(bundle);
        await this.#prove(bundle);
        await this.store.addBundle(folder, digest);
        const version = await this.registry.registerVersion({
          model,
          runId: null,
          requestId: null,
          digest,
          labels,
          metrics: {},
          lineage: { imported: true, trainer },
          by,
          reason: reason === '' ? 'imported' : reason,
        });
        return { model, version, digest, labels };
      }),
    );
  }

  #bundleFrom(folder: string, model: string): Promise<Bundle> {
    const { executionProviders, threads } = this.config.inference;
    return unlessRefused(() => bundleFromOptimum(folder, { model, executionProviders, threads }));
  }

  #prove(bundle: Bundle): Promise<void> {
    const { executionProviders, threads } = this.config.inference;
    return unlessRefused(async () => {
      const host = await ModelHost.open(hostModel(bundle), { executionProviders, threads });
      await host.close();
    });
  }
}

/** @throws Problem 422 when a host cannot serve the model, also when it takes the host down */
async function unlessRefused<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (
      !(error instanceof TidemillError) ||
      ['BUNDLE_INVALID', 'BUNDLE_UNREADABLE', 'MODEL_REFUSED'].includes(error.code)
    )
      throw error;
    throw new Problem(422, `the model does not run: ${reasonOf(error)}`, { code: error.code });
  }
}

function bodyOf({ body }: FastifyRequest, wanted: string): AsyncIterable<Uint8Array> {
  if (body instanceof Readable) return withRest(body);
  throw new Problem(415, `send the content as ${wanted}`);
}

/** What is left when the reader gives up is read and forgotten: a sender that is cut off would not see the answer. */
async function* withRest(body: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* body.iterator({ destroyOnReturn: false });
  } finally {
    body.resume();
  }
}
