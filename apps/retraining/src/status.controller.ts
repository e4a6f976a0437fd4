import { Controller, Get, Inject } from '@nestjs/common';
import type { Readiness } from '#libs/platform';
import { READINESS } from './tokens.ts';
import { Progress } from './workflow/progress.ts';
import { RequestQueue } from './workflow/request-queue.ts';

@Controller('v1')
export class StatusController {
  constructor(
    @Inject(RequestQueue) private readonly queue: RequestQueue,
    @Inject(Progress) private readonly progress: Progress,
    @Inject(READINESS) private readonly readiness: Readiness,
  ) {}

  /** Idle: no request waits or is worked on, as far as the topic had come when this was asked. */
  @Get('status')
  async state() {
    await this.queue.caughtUp();
    const { failure, idle } = this.queue;
    const { ready, reasons } = this.readiness;
    return {
      app: 'retraining',
      ready: ready && failure === undefined,
      reasons: failure === undefined ? reasons : [...reasons, failure],
      idle: ready && idle,
      ...this.progress.state,
    };
  }
}
