import { type DynamicModule, Module } from '@nestjs/common';
import type { Clock, Configuration, Readiness } from '#libs/platform';
import { ArtifactStore, Registry } from '#libs/registry';
import { DecisionLog } from './decisions/decision-log.ts';
import { RequestsController } from './decisions/requests.controller.ts';
import { Triggers } from './decisions/triggers.ts';
import { registryControllers } from './registry/registry.providers.ts';
import { StatusController } from './status.controller.ts';
import { CLOCK, CONFIGURATION, READINESS } from './tokens.ts';
import { Progress } from './workflow/progress.ts';
import { RequestQueue } from './workflow/request-queue.ts';

export interface RetrainingParts {
  config: Configuration;
  registry: Registry;
  store: ArtifactStore;
  log: DecisionLog;
  queue: RequestQueue;
  triggers: Triggers;
  progress: Progress;
  clock: Clock;
  readiness: Readiness;
}

/** Nothing but health and readiness: what listens while Kafka is waited for. */
@Module({})
export class WaitingModule {}

@Module({})
export class RetrainingModule {
  static with(parts: RetrainingParts): DynamicModule {
    return {
      module: RetrainingModule,
      controllers: [...registryControllers, RequestsController, StatusController],
      providers: [
        { provide: Registry, useValue: parts.registry },
        { provide: ArtifactStore, useValue: parts.store },
        { provide: DecisionLog, useValue: parts.log },
        { provide: RequestQueue, useValue: parts.queue },
        { provide: Triggers, useValue: parts.triggers },
        { provide: Progress, useValue: parts.progress },
        { provide: CONFIGURATION, useValue: parts.config },
        { provide: CLOCK, useValue: parts.clock },
        { provide: READINESS, useValue: parts.readiness },
      ],
    };
  }
}
