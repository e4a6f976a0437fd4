import { type DynamicModule, Module } from '@nestjs/common';
import type { Configuration, Readiness } from '#libs/platform';
import { ModelSlots } from './model-slots.ts';
import { ModelVersionConsumer } from './model-version.consumer.ts';
import { PredictController } from './predict.controller.ts';
import { ServingStatusReporter } from './serving-status.reporter.ts';
import { StatusController } from './status.controller.ts';
import { CONFIGURATION, READINESS } from './tokens.ts';
import { VersionHosts } from './version-hosts.ts';

export interface InferenceParts {
  config: Configuration;
  readiness: Readiness;
  slots: ModelSlots;
  versions: VersionHosts;
  versionEvents: ModelVersionConsumer;
  status: ServingStatusReporter;
}

@Module({})
export class InferenceModule {
  static with(parts: InferenceParts): DynamicModule {
    return {
      module: InferenceModule,
      controllers: [PredictController, StatusController],
      providers: [
        { provide: CONFIGURATION, useValue: parts.config },
        { provide: READINESS, useValue: parts.readiness },
        { provide: ModelSlots, useValue: parts.slots },
        { provide: VersionHosts, useValue: parts.versions },
        { provide: ModelVersionConsumer, useValue: parts.versionEvents },
        { provide: ServingStatusReporter, useValue: parts.status },
      ],
    };
  }
}
