import { Controller, Get, Inject } from '@nestjs/common';
import type { Readiness } from '#libs/platform';
import { ModelSlots } from './model-slots.ts';
import { ModelVersionConsumer } from './model-version.consumer.ts';
import { ServingStatusReporter } from './serving-status.reporter.ts';
import { READINESS } from './tokens.ts';

/** How this instance is, for the gateway and for people. */
@Controller('v1')
export class StatusController {
  constructor(
    @Inject(ModelSlots) private readonly slots: ModelSlots,
    @Inject(ModelVersionConsumer) private readonly versions: ModelVersionConsumer,
    @Inject(ServingStatusReporter) private readonly status: ServingStatusReporter,
    @Inject(READINESS) private readonly readiness: Readiness,
  ) {}

  /** What serves of every model in this instance, and what is to serve next or failed to. */
  @Get('serving')
  serving() {
    return { statuses: this.status.statuses };
  }

  /** Idle: every version event written so far has been applied, and no version is being loaded. */
  @Get('status')
  async state() {
    const { ready, reasons } = this.readiness;
    await this.versions.caughtUp();
    const { refused = null } = this.versions;
    const idle = ready && !this.slots.loading;
    const { challengers } = this.slots;
    const serving = this.status.statuses;
    return { app: 'inference', ready, reasons, idle, serving, challengers, refusedVersionEvent: refused };
  }
}
