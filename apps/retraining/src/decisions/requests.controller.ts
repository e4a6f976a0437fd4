import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { modelNamePattern, type RetrainingRequest, type TriggerDecision } from '#libs/events';
import { Problem } from '#libs/http';
import { type Clock, newId } from '#libs/platform';
import { Registry } from '#libs/registry';
import { CLOCK } from '../tokens.ts';
import { DecisionLog } from './decision-log.ts';

const requestBody = z
  .strictObject({
    dataset: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be the digest of an uploaded data set')
      .optional(),
    reason: z.string().min(1).max(1000).optional(),
    requestedBy: z.string().min(1).max(200).optional(),
  })
  .default({});

/** People ask for a retraining; no policy holds them back. */
@Controller('v1/models/:model/retraining-requests')
export class RequestsController {
  constructor(
    @Inject(Registry) private readonly registry: Registry,
    @Inject(DecisionLog) private readonly log: DecisionLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(202)
  async request(@Param('model') model: string, @Body() body: unknown) {
    const parsed = requestBody.safeParse(body ?? undefined);
    if (!parsed.success) {
      const errors = parsed.error.issues.map(({ path, message }) => ({ pointer: `/${path.join('/')}`, message }));
      throw new Problem(422, errors[0]?.message ?? 'the body is not valid', { errors });
    }
    const { dataset, reason = 'asked for by hand', requestedBy = 'unknown' } = parsed.data;
    this.#check(model, dataset);
    const [id, at] = [newId(), this.clock.now()];
    const policy = (this.registry.model(model)?.serving ?? null) === null ? 'create' : 'manual';
    const evidence = JSON.stringify({ dataset: dataset ?? null, requestedBy });
    const request: RetrainingRequest = {
      id,
      model,
      reason,
      policy,
      evidence,
      requestedBy,
      requestedAt: at,
      labelCutOff: 0,
      dataset: dataset ?? null,
    };
    const decision: TriggerDecision = {
      id: `${model}:manual:${id}`,
      model,
      policy: 'manual',
      outcome: 'fired',
      reason,
      evidence,
      occurredAt: at,
      decidedAt: at,
      requestId: id,
    };
    await this.log.write(decision, request);
    return { id };
  }

  #check(model: string, dataset: string | undefined): void {
    if (!modelNamePattern.test(model))
      throw new Problem(422, 'a model name has lower-case letters, digits and hyphens, at most 63', {
        errors: [{ pointer: '/model', message: 'not a model name' }],
      });
    const known = this.registry.model(model);
    if (known === undefined)
      throw new Problem(404, `no model named ${model}: upload a labelled data set first`, {
        known: this.registry.models().map((other) => other.model),
      });
    if (dataset !== undefined && !known.datasets.some(({ digest }) => digest === dataset))
      throw new Problem(422, `${model} has no data set ${dataset}`, {
        errors: [{ pointer: '/dataset', message: 'not the digest of a data set that was uploaded for this model' }],
      });
  }
}
