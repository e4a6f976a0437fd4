import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { Problem } from '#libs/http';
import type { BatchResult } from '#libs/model';
import { type Configuration, milliseconds, TidemillError } from '#libs/platform';
import { answerOf, ModelSlots } from './model-slots.ts';
import { VersionHosts } from './version-hosts.ts';
import { CONFIGURATION } from './tokens.ts';

/** Texts of one synchronous request. */
const maximumTexts = 1000;

const predictBody = z.strictObject({
  texts: z.array(z.string()).min(1).max(maximumTexts),
  version: z.number().int().min(1).optional(),
});

/** Synchronous predictions, through the same batcher and host as the stream. */
@Controller('v1')
export class PredictController {
  constructor(
    @Inject(ModelSlots) private readonly slots: ModelSlots,
    @Inject(VersionHosts) private readonly versions: VersionHosts,
    @Inject(CONFIGURATION) private readonly config: Configuration,
  ) {}

  @Post('models/:model/predict')
  @HttpCode(200)
  async predict(@Param('model') model: string, @Body() body: unknown) {
    const parsed = predictBody.safeParse(body);
    if (!parsed.success) {
      const errors = parsed.error.issues.map((issue) => ({
        pointer: `/${issue.path.join('/')}`,
        message: issue.message,
      }));
      throw new Problem(422, errors[0]?.message ?? 'the body is not valid', { errors });
    }
    const { texts, version } = parsed.data;
    const served = this.slots.get(model);
    const serving = served?.slot.serving;
    if (version !== undefined && version !== serving?.version)
      return await this.versions.predict(model, version, texts);
    if (served === undefined) throw new Problem(404, `no model named ${model} serves`, { known: this.slots.names() });
    if (serving === undefined) throw new Problem(503, `no version of ${model} serves yet`);
    try {
      const signal = AbortSignal.timeout(milliseconds(this.config.inference.requestTimeout));
      const result = await served.batcher.submit(texts, 'interactive', signal);
      // Another version may have taken over while the texts waited.
      if (version !== undefined && version !== result.serving.version)
        return await this.versions.predict(model, version, texts);
      refuseFailures(result);
      return {
        model,
        version: result.serving.version,
        epoch: result.serving.epoch,
        predictions: texts.map((_, index) => answerOf(result, index)),
      };
    } catch (error) {
      if (error instanceof TidemillError && error.code === 'BATCH_QUEUE_FULL')
        throw new Problem(429, error.message, { retryAfter: served.batcher.retryAfter });
      if (error instanceof DOMException && error.name === 'TimeoutError')
        throw new Problem(503, 'the prediction was not ready in time', { retryAfter: served.batcher.retryAfter });
      throw error;
    }
  }
}

/** A request is answered as a whole: which texts the model has no answer for. @throws Problem 422 */
export function refuseFailures({ failures }: Pick<BatchResult, 'failures'>): void {
  if (failures.size === 0) return;
  const errors = [...failures].map(([row, error]) => ({ pointer: `/texts/${row}`, message: error.message }));
  throw new Problem(422, 'the model has no answer for some of the texts', { errors });
}
