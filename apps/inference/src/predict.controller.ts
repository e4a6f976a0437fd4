import { Body, Controller, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { clientGone, Problem } from '#libs/http';
import { type Configuration, Deadline, milliseconds, TidemillError } from '#libs/platform';
import { ModelSlots, type ServedModel } from './model-slots.ts';
import { ModelVersionConsumer } from './model-version.consumer.ts';
import { requestAnswer } from './request-answer.ts';
import { CONFIGURATION } from './tokens.ts';
import { VersionHosts } from './version-hosts.ts';

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
    @Inject(ModelVersionConsumer) private readonly events: ModelVersionConsumer,
    @Inject(VersionHosts) private readonly versions: VersionHosts,
    @Inject(CONFIGURATION) private readonly config: Configuration,
  ) {}

  @Post('models/:model/predict')
  @HttpCode(200)
  async predict(@Param('model') model: string, @Body() body: unknown, @Res({ passthrough: true }) reply: FastifyReply) {
    const parsed = predictBody.safeParse(body);
    if (!parsed.success) {
      const errors = parsed.error.issues.map((issue) => ({
        pointer: `/${issue.path.join('/')}`,
        message: issue.message,
      }));
      throw new Problem(422, errors[0]?.message ?? 'the body is not valid', { errors });
    }
    const { texts, version } = parsed.data;
    using deadline = new Deadline(milliseconds(this.config.inference.requestTimeout), clientGone(reply));
    const { signal } = deadline;
    try {
      const served = await this.servedModel(model, signal);
      if (version !== undefined && version !== served?.slot.serving?.version)
        return await this.versions.predict({ model, version, texts, signal });
      if (served === undefined) throw new Problem(404, `no model named ${model} serves`, { known: this.slots.names() });
      const result = await this.slots.eventLoop.during(served.batcher.submit(texts, 'interactive', signal));
      // Another version may have taken over while the texts waited.
      if (version !== undefined && version !== result.serving.version)
        return await this.versions.predict({ model, version, texts, signal });
      return requestAnswer(model, result);
    } catch (error) {
      const retryAfter = this.slots.get(model)?.batcher.retryAfter ?? 1;
      if (error instanceof TidemillError && error.code === 'BATCH_QUEUE_FULL')
        throw new Problem(429, error.message, { retryAfter });
      if (error instanceof DOMException && error.name === 'TimeoutError')
        throw new Problem(503, 'the prediction was not ready in time', { retryAfter });
      throw error;
    }
  }

  /**
   * A model that was promoted just now may not be known here yet; its texts wait for it, within their deadline.
   * @throws what the signal was aborted with: whether there is such a model is not known then
   */
  private async servedModel(model: string, signal: AbortSignal): Promise<ServedModel | undefined> {
    if (this.slots.get(model) === undefined) {
      await Promise.race([this.events.caughtUp(), new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      signal.throwIfAborted();
    }
    return this.slots.get(model);
  }
}
