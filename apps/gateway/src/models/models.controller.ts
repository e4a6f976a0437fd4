import { Controller, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { modelNamePattern } from '#libs/events';
import { Problem } from '#libs/http';
import { ModelDirectory } from './model-directory.ts';
import { Registry } from './registry.ts';

/** Uploads and imports may take their time; they are streamed, and the registry answers at the end. */
const uploadDeadline = 30 * 60_000;

/** Models, versions and runs: the registry's, handed on as they are. */
@Controller('v1')
export class ModelsController {
  constructor(
    @Inject(Registry) private readonly registry: Registry,
    @Inject(ModelDirectory) private readonly directory: ModelDirectory,
  ) {}

  @Get([
    'models',
    'models/:model/versions',
    'models/:model/versions/:version',
    'runs',
    'runs/:run',
    'bundles/:digest',
    'bundles/:digest/:file',
  ])
  read(@Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    return this.registry.forward(request, reply);
  }

  @Get('models/:model')
  async model(@Param('model') model: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    await this.directory.require(model);
    return this.registry.forward(request, reply);
  }

  @Post([
    'models/:model/versions/:version/promote',
    'models/:model/versions/:version/archive',
    'models/:model/versions/:version/shadow',
    'models/:model/versions/:version/canary',
    'models/:model/versions/:version/withdraw',
    'models/:model/rollback',
  ])
  async govern(@Param('model') model: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    await this.directory.require(model);
    return this.registry.forward(request, reply);
  }

  /** These may name a model that does not exist yet: they make it. */
  @Post(['models/:model/retraining-requests', 'models/:model/datasets', 'models/:model/import'])
  make(@Param('model') model: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    if (!modelNamePattern.test(model))
      throw new Problem(422, 'a model name has lower-case letters, digits and hyphens, at most 63', {
        errors: [{ pointer: '/model', message: 'not a model name' }],
      });
    return this.registry.forward(request, reply, uploadDeadline);
  }
}
