import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { z } from 'zod';
import { Problem } from '#libs/http';
import { duration, modelName, parseInput } from '../edge/input.ts';
import { ModelDirectory } from '../models/model-directory.ts';
import { EffectivePredictions } from './effective-predictions.ts';

/** Longest wait, in milliseconds. */
const maximumWait = 60_000;

export const predictionQuery = z.strictObject({
  model: modelName.optional(),
  wait: duration
    .refine((wait) => wait <= maximumWait, `must not be longer than ${maximumWait / 1000}s`)
    .optional()
    .describe('How long to wait for it, such as 5s.'),
});

/** What was predicted for a text that went through the stream. */
@Controller('v1/predictions')
export class PredictionsController {
  constructor(
    @Inject(EffectivePredictions) private readonly predictions: EffectivePredictions,
    @Inject(ModelDirectory) private readonly directory: ModelDirectory,
  ) {}

  @Get(':textId')
  async find(@Param('textId') textId: string, @Query() query: unknown): Promise<Record<string, unknown>> {
    const { model, wait = 0 } = parseInput(predictionQuery, query);
    if (model !== undefined) await this.directory.require(model);
    const [found, ...others] = await this.predictions.find(textId, model, wait);
    if (found === undefined)
      throw new Problem(404, `no prediction of ${JSON.stringify(textId)} yet; wait for it with ?wait=5s`, {
        retryAfter: 1,
      });
    if (others.length === 0) return found;
    const models = [found, ...others].map((record) => String(record['model']));
    throw new Problem(422, `${models.length} models answered this text; name one with ?model=`, {
      errors: [{ pointer: '/model', message: `one of ${models.join(', ')}` }],
    });
  }
}
