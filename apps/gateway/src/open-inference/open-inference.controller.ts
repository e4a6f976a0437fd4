import { Body, Controller, Get, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { clientGone, Problem } from '#libs/http';
import { parseInput, versionNumber } from '../edge/input.ts';
import { type ModelDetail, Registry } from '../models/registry.ts';
import { Predictor } from '../predictions/predictor.ts';
import { inferInput } from './open-inference.schemas.ts';
import { inferAnswer, sortedClasses, textsOf, wantedOutputs } from './tensors.ts';
import { InferenceHealth } from './inference-health.ts';

/** Open Inference Protocol v2, so that KServe, Triton and MLServer clients work as they are. */
@Controller('v2')
export class OpenInferenceController {
  constructor(
    @Inject(Predictor) private readonly predictor: Predictor,
    @Inject(Registry) private readonly registry: Registry,
    @Inject(InferenceHealth) private readonly health: InferenceHealth,
  ) {}

  @Get()
  server() {
    return { name: 'tidemill', version: '2', extensions: [] };
  }

  @Get('health/live')
  live() {
    return { live: true };
  }

  @Get('health/ready')
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    const ready = await this.health.ready();
    void reply.code(ready ? 200 : 503);
    return { ready };
  }

  @Get(['models/:model', 'models/:model/versions/:version'])
  async metadata(@Param('model') name: string, @Param('version') version: string | undefined) {
    const model = await this.#model(name, version);
    const described = model.versions.find((known) => known.version === versionOf(version)) ?? model;
    const classes = sortedClasses(described.labels ?? []);
    return {
      name,
      versions: model.versions.map((known) => String(known.version)),
      platform: 'onnx_onnxruntime',
      inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }],
      outputs: [
        { name: 'label', datatype: 'BYTES', shape: [-1] },
        { name: 'probabilities', datatype: 'FP32', shape: [-1, classes.length === 0 ? -1 : classes.length] },
      ],
      ...(classes.length === 0 ? {} : { parameters: { labels: JSON.stringify(classes) } }),
    };
  }

  @Get(['models/:model/ready', 'models/:model/versions/:version/ready'])
  async modelReady(
    @Param('model') name: string,
    @Param('version') version: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.#model(name, version);
    // A version that is named is loaded when it is asked.
    const ready = version === undefined ? await this.health.serves(name) : await this.health.ready();
    void reply.code(ready ? 200 : 503);
    return { name, ready };
  }

  @Post(['models/:model/infer', 'models/:model/versions/:version/infer'])
  @HttpCode(200)
  async infer(
    @Param() { model, version }: { model: string; version?: string },
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const request = parseInput(inferInput, body);
    const texts = textsOf(request);
    wantedOutputs(request);
    const signal = clientGone(reply);
    const answer = await this.predictor.predict({ model, texts, version: versionOf(version), signal });
    return inferAnswer(request, answer);
  }

  async #model(name: string, version: string | undefined): Promise<ModelDetail> {
    const model = await this.registry.model(name);
    const wanted = versionOf(version);
    if (wanted !== undefined && !model.versions.some((known) => known.version === wanted))
      throw new Problem(404, `${name} has no version ${wanted}`);
    return model;
  }
}

function versionOf(version: string | undefined): number | undefined {
  return version === undefined ? undefined : parseInput(versionNumber, version, '/version');
}
