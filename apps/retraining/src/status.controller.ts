import { Controller, Get, Inject } from '@nestjs/common';
import type { Readiness } from '#libs/platform';
import { READINESS } from './tokens.ts';
import { Triggers } from './decisions/triggers.ts';
import type { Gate } from './workflow/gates.ts';
import { Progress } from './workflow/progress.ts';
import { RequestQueue } from './workflow/request-queue.ts';

@Controller('v1')
export class StatusController {
  constructor(
    @Inject(RequestQueue) private readonly queue: RequestQueue,
    @Inject(Triggers) private readonly triggers: Triggers,
    @Inject(Progress) private readonly progress: Progress,
    @Inject(READINESS) private readonly readiness: Readiness,
  ) {}

  /** Idle: as far as the topics had come when this was asked, every report is decided and every request has ended. */
  @Get('status')
  async state() {
    const { queue, triggers, progress } = this;
    await triggers.caughtUp();
    // Asked in the order of the work: what a decision asks for is in the topic before the decision is done.
    const decided = triggers.idle;
    await queue.caughtUp();
    const { ready, reasons } = this.readiness;
    const failures = [queue.failure, triggers.failure].filter((failure) => failure !== undefined);
    const { state } = progress;
    return {
      app: 'retraining',
      ready: ready && failures.length === 0,
      reasons: [...reasons, ...failures],
      idle: ready && decided && queue.idle,
      ...(queue.failure === undefined ? {} : { phase: 'waiting', detail: queue.failure }),
      ...(state === undefined ? {} : { ...state, gates: state.gates.map(asShown) }),
    };
  }
}

function asShown({ name, passed, value, limit, detail: reason }: Gate) {
  return { name, passed, value, limit, reason };
}
