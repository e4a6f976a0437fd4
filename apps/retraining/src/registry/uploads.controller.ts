import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Controller, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Problem } from '#libs/http';
import { hostModel, inspectOnnx, maximumBundleBytes, ModelHost, readBundle } from '#libs/model';
import type { Configuration } from '#libs/platform';
import { ArtifactStore, Registry, unpackTar } from '#libs/registry';
import { CONFIGURATION } from '../tokens.ts';
import { readDataset } from './dataset-upload.ts';
import { checkModelName, orProblem } from './registry-problems.ts';

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
  async dataset(@Param('model') model: string, @Query('by') by: string | undefined, @Req() request: FastifyRequest) {
    checkModelName(model);
    const format = (request.headers['content-type'] ?? '').startsWith('text/csv') ? 'csv' : 'jsonl';
    const { content, texts, labels } = await readDataset(
      streamOf(request, 'application/x-ndjson'),
      format,
      this.config.stream.maximumTextBytes,
    );
    const digest = await this.store.putBlob(content);
    await this.registry.addDataset({ model, digest, texts, labels, by: by ?? 'unknown' });
    return { digest, texts, labels };
  }

  /** A bundle as a tar archive: verified, inspected and run in a host before it becomes a version. */
  @Post('import')
  @HttpCode(201)
  async import(
    @Param('model') model: string,
    @Query() { by = 'unknown', reason = '' }: { by?: string; reason?: string },
    @Req() request: FastifyRequest,
  ) {
    checkModelName(model);
    const archive = streamOf(request, 'application/x-tar');
    return await orProblem(() =>
      this.store.withTemporary(async (temporary) => {
        const folder = join(temporary, 'bundle');
        await unpackTar(archive, folder, { maximumBytes: maximumBundleBytes });
        const bundle = await readBundle(folder);
        inspectOnnx(await readFile(join(folder, 'model.onnx')));
        const { executionProviders, threads } = this.config.inference;
        await (await ModelHost.open(hostModel(bundle), { executionProviders, threads })).close();
        const { digest } = bundle;
        await this.store.addBundle(folder, digest);
        const { labels, trainer } = bundle.manifest;
        const registered = { model, runId: null, requestId: null, digest, labels, metrics: {}, by };
        const version = await this.registry.registerVersion({
          ...registered,
          lineage: { imported: true, trainer },
          reason: reason === '' ? 'imported' : reason,
        });
        return { model, version, digest, labels };
      }),
    );
  }
}

function streamOf(request: FastifyRequest, wanted: string): Readable {
  if (request.body instanceof Readable) return request.body;
  throw new Problem(415, `send the content as ${wanted}`);
}
