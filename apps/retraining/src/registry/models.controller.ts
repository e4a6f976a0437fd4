import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { versionName } from '#libs/events';
import { Problem } from '#libs/http';
import { ArtifactStore, type RegisteredModel, type RegisteredVersion, Registry } from '#libs/registry';
import { modelView, runView, versionView } from './registry-views.ts';

/** What the registry knows of models, versions and runs. */
@Controller('v1')
export class ModelsController {
  constructor(
    @Inject(Registry) private readonly registry: Registry,
    @Inject(ArtifactStore) private readonly store: ArtifactStore,
  ) {}

  @Get('models')
  models() {
    return { models: this.registry.models().map(modelView) };
  }

  @Get('models/:model')
  model(@Param('model') model: string) {
    return modelView(this.#model(model));
  }

  @Get('models/:model/versions')
  versions(@Param('model') model: string) {
    return { versions: this.#model(model).versions.map(versionView) };
  }

  /** With its card, lineage and the parameters of its run. */
  @Get('models/:model/versions/:version')
  async version(@Param('model') model: string, @Param('version') version: string) {
    const found = this.#version(model, version);
    const directory = this.store.bundleDirectory(found.digest);
    const card =
      directory === undefined ? undefined : await readFile(join(directory, 'README.md'), 'utf8').catch(() => undefined);
    const parameters = found.runId === null ? {} : (this.registry.run(found.runId)?.parameters ?? {});
    return { ...versionView(found), parameters, lineage: found.lineage, ...(card === undefined ? {} : { card }) };
  }

  /** Newest first. */
  @Get('runs')
  runs(@Query('model') model?: string) {
    return { runs: this.registry.runs(model).map(runView) };
  }

  @Get('runs/:run')
  run(@Param('run') run: string) {
    const found = this.registry.run(run);
    if (found === undefined) throw new Problem(404, `no run ${run}`);
    return runView(found);
  }

  #model(model: string): RegisteredModel {
    const found = this.registry.model(model);
    if (found !== undefined) return found;
    throw new Problem(404, `no model named ${model}`, { known: this.registry.models().map((other) => other.model) });
  }

  #version(model: string, version: string): RegisteredVersion {
    const { versions } = this.#model(model);
    const found = versions.find((other) => String(other.version) === version);
    if (found !== undefined) return found;
    throw new Problem(404, `${model} has no version ${version}`, {
      known: versions.map((other) => versionName(model, other.version)),
    });
  }
}
