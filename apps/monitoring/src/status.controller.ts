import { Controller, Get, Inject } from '@nestjs/common';
import type { Readiness } from '#libs/platform';
import { READINESS } from './tokens.ts';
import { ModelMonitors } from './windows/model-monitors.ts';

@Controller('v1')
export class StatusController {
  constructor(
    @Inject(ModelMonitors) private readonly monitors: ModelMonitors,
    @Inject(READINESS) private readonly readiness: Readiness,
  ) {}

  /** Idle: every window that can be closed has been compared, every label that arrived has been looked at. */
  @Get('status')
  state() {
    const { ready, reasons } = this.readiness;
    const { idle, failure } = this.monitors;
    return {
      app: 'monitoring',
      ready: ready && failure === undefined,
      reasons: failure === undefined ? reasons : [...reasons, failure],
      idle: ready && idle,
    };
  }
}
