import { type DynamicModule, Module } from '@nestjs/common';
import { Comparisons } from './comparisons/comparisons.ts';
import { ComparisonsController } from './comparisons/comparisons.controller.ts';
import { Guard } from './edge/guard.ts';
import { EventClients } from './events/event-clients.ts';
import { EventsController } from './events/events.controller.ts';
import { ModelDirectory } from './models/model-directory.ts';
import { ModelsController } from './models/models.controller.ts';
import { Registry } from './models/registry.ts';
import { InferenceHealth } from './open-inference/inference-health.ts';
import { OpenInferenceController } from './open-inference/open-inference.controller.ts';
import { DeadLetters } from './operations/dead-letters.ts';
import { DeadLettersController } from './operations/dead-letters.controller.ts';
import { OperationsController } from './operations/operations.controller.ts';
import { SystemStatusReader } from './operations/system-status.ts';
import { BatchPredictions } from './predictions/batch-predictions.ts';
import { EffectivePredictions } from './predictions/effective-predictions.ts';
import { PredictController } from './predictions/predict.controller.ts';
import { PredictionsController } from './predictions/predictions.controller.ts';
import { Predictor } from './predictions/predictor.ts';
import { Reports } from './reports/reports.ts';
import { ReportsController } from './reports/reports.controller.ts';
import { AnalystSql } from './sql/analyst-sql.ts';
import { SqlController } from './sql/sql.controller.ts';
import { RecordIntake } from './texts/record-intake.ts';
import { TextsController } from './texts/texts.controller.ts';

/** What the controllers work with; made in gateway.app.ts. */
export interface GatewayParts {
  guard: Guard;
  intake: RecordIntake;
  directory: ModelDirectory;
  registry: Registry;
  predictor: Predictor;
  batches: BatchPredictions;
  predictions: EffectivePredictions;
  reports: Reports;
  comparisons: Comparisons;
  analyst: AnalystSql;
  eventClients: EventClients;
  inferenceHealth: InferenceHealth;
  status: SystemStatusReader;
  deadLetters: DeadLetters;
}

@Module({})
export class GatewayModule {
  static with(parts: GatewayParts): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [
        TextsController,
        PredictController,
        PredictionsController,
        ReportsController,
        ComparisonsController,
        ModelsController,
        OpenInferenceController,
        EventsController,
        SqlController,
        OperationsController,
        DeadLettersController,
      ],
      providers: [
        { provide: Guard, useValue: parts.guard },
        { provide: RecordIntake, useValue: parts.intake },
        { provide: ModelDirectory, useValue: parts.directory },
        { provide: Registry, useValue: parts.registry },
        { provide: Predictor, useValue: parts.predictor },
        { provide: BatchPredictions, useValue: parts.batches },
        { provide: EffectivePredictions, useValue: parts.predictions },
        { provide: Reports, useValue: parts.reports },
        { provide: Comparisons, useValue: parts.comparisons },
        { provide: AnalystSql, useValue: parts.analyst },
        { provide: EventClients, useValue: parts.eventClients },
        { provide: InferenceHealth, useValue: parts.inferenceHealth },
        { provide: SystemStatusReader, useValue: parts.status },
        { provide: DeadLetters, useValue: parts.deadLetters },
      ],
    };
  }
}
