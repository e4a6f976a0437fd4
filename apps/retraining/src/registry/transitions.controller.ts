import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { Problem } from '#libs/http';
import { newId } from '#libs/platform';
import { type Challenger, legalTransitions, Registry, type Transition } from '#libs/registry';
import { orProblem, parsed } from './registry-problems.ts';

const transition = z.strictObject({
  reason: z.string().max(1000).default(''),
  by: z.string().min(1).max(200).default('unknown'),
});
const canaryBody = transition.extend({ share: z.number() });
const withdrawBody = transition.extend({ role: z.enum(['shadow', 'canary']).optional() });
const rollbackBody = transition.extend({ to: z.number().int().min(1).optional() });

/** What people decide about versions; each is an event of the registry with who and why. */
@Controller('v1/models/:model')
export class TransitionsController {
  constructor(@Inject(Registry) private readonly registry: Registry) {}

  @Post('versions/:version/promote')
  @HttpCode(202)
  async promote(@Param('model') model: string, @Param('version') version: string, @Body() body: unknown) {
    const { by, reason } = parsed(transition, body);
    const id = newId();
    const promotion = { model, version: versionNumber(version), by, reason: orByHand(reason), requestId: id };
    const { epoch } = await orProblem(() => this.registry.promote(promotion), this.#legal(model, 'promote'));
    return { id, model, version: promotion.version, epoch };
  }

  @Post('versions/:version/archive')
  @HttpCode(202)
  async archive(@Param('model') model: string, @Param('version') version: string, @Body() body: unknown) {
    const { by, reason } = parsed(transition, body);
    const id = newId();
    const change = { model, version: versionNumber(version), by, reason: orByHand(reason), requestId: id };
    await orProblem(() => this.registry.changeStage({ ...change, stage: 'archived' }), this.#legal(model, 'archive'));
    return { id, model, version: change.version };
  }

  @Post('versions/:version/shadow')
  @HttpCode(202)
  shadow(@Param('model') model: string, @Param('version') version: string, @Body() body: unknown) {
    return this.#challenge(model, version, { ...parsed(transition, body), role: 'shadow', share: 0 });
  }

  @Post('versions/:version/canary')
  @HttpCode(202)
  canary(@Param('model') model: string, @Param('version') version: string, @Body() body: unknown) {
    return this.#challenge(model, version, { ...parsed(canaryBody, body), role: 'canary' });
  }

  @Post('versions/:version/withdraw')
  @HttpCode(202)
  async withdraw(@Param('model') model: string, @Param('version') version: string, @Body() body: unknown) {
    const { by, reason, role } = parsed(withdrawBody, body);
    const withdrawal = { model, version: versionNumber(version), role, by, reason: orByHand(reason) };
    await orProblem(() => this.registry.withdraw(withdrawal), this.#legal(model, 'withdraw'));
    return { id: newId(), model, version: withdrawal.version };
  }

  @Post('rollback')
  @HttpCode(202)
  async rollback(@Param('model') model: string, @Body() body: unknown) {
    const { by, reason, to } = parsed(rollbackBody, body);
    const id = newId();
    const request = { model, by, reason: orByHand(reason), requestId: id, ...(to === undefined ? {} : { to }) };
    const { version, epoch } = await orProblem(() => this.registry.rollback(request), this.#legal(model, 'rollback'));
    return { id, model, version, epoch };
  }

  async #challenge(
    model: string,
    version: string,
    { role, share, by, reason }: { role: Challenger['role']; share: number; by: string; reason: string },
  ) {
    const challenge = { model, version: versionNumber(version), role, share, by, reason: orByHand(reason) };
    await orProblem(() => this.registry.challenge(challenge), this.#legal(model, role));
    return { id: newId(), model, version: challenge.version, role, share };
  }

  #legal(model: string, action: Transition) {
    return () => {
      const known = this.registry.model(model);
      return known === undefined ? [] : legalTransitions(known, action);
    };
  }
}

function versionNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new Problem(404, `${JSON.stringify(text)} is no version: versions are 1, 2, 3 …`);
}

function orByHand(reason: string): string {
  return reason === '' ? 'decided by hand' : reason;
}
