import { type DynamicModule, Module } from '@nestjs/common';
import type { Readiness } from '#libs/platform';
import { StatusController } from './status.controller.ts';
import { READINESS } from './tokens.ts';
import { ModelMonitors } from './windows/model-monitors.ts';

@Module({})
export class MonitoringModule {
  static with({ monitors, readiness }: { monitors: ModelMonitors; readiness: Readiness }): DynamicModule {
    return {
      module: MonitoringModule,
      controllers: [StatusController],
      providers: [
        { provide: ModelMonitors, useValue: monitors },
        { provide: READINESS, useValue: readiness },
      ],
    };
  }
}
