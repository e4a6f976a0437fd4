import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { encoderNames } from '#libs/embedded';
import type { RetrainingRequest, TriggerDecision } from '#libs/events';
import { Problem } from '#libs/http';
import { type Clock, newId } from '#libs/platform';
import { Registry } from '#libs/registry';
import { checkModelName, parsed } from '../registry/registry-problems.ts';
import { CLOCK } from '../tokens.ts';
import { DecisionLog } from './decision-log.ts';

const requestBody = z.strictObject({
  dataset: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be the digest of an uploaded data set')
    .optional(),
  encoder: z
    .enum(encoderNames, { error: `must be one of the encoders there are: ${encoderNames.join(', ')}` })
    .optional(),
  reason: z.string().min(1).max(1000).default('asked for by hand'),
  requestedBy: z.string().min(1).max(200).default('unknown'),
});

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
    const { dataset, encoder = null, reason, requestedBy } = parsed(requestBody, body);
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
      encoder,
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
    checkModelName(model);
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
