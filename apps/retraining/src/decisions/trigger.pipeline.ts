import type { ClickHouse } from '#libs/clickhouse';
import type { DriftReport, PerformanceReport } from '#libs/events';
import { type Clock, type Configuration, type Metrics, milliseconds } from '#libs/platform';
import type { ArtifactStore, Registry } from '#libs/registry';
import type { DecodedBatch, Pipeline, Stream } from '#libs/stream';
import type { RequestQueue } from '../workflow/request-queue.ts';
import { accuracyPolicy } from './accuracy.policy.ts';
import { decide, type Finding, type Occasion } from './decision.ts';
import type { DecisionLog } from './decision-log.ts';
import { driftPolicy } from './drift.policy.ts';
import { driftSince, labelsGivenBetween, labelsOfTextsSince } from './label.queries.ts';
import { newLabelsPolicy } from './new-labels.policy.ts';
import { rollbackFinding } from './rollback-watch.ts';

export interface TriggerPipelineOptions {
  stream: Stream;
  clickhouse: ClickHouse;
  registry: Registry;
  store: ArtifactStore;
  log: DecisionLog;
  queue: RequestQueue;
  config: Configuration;
  clock: Clock;
  metrics: Metrics;
}

/**
 * From a report to the decisions it gives reason for, one report at a time:
 *
 *   drift report                → drift
 *   performance report, rolling → accuracy, new labels, rollback
 *
 * Each decision is fired, held or not met, and is written with its figures whatever it is. A crash between a decision
 * and the commit delivers the report again: its decisions are known by their ids and not taken twice.
 */
export class TriggerPipeline {
  readonly #options: TriggerPipelineOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: TriggerPipelineOptions) {
    this.#options = options;
  }

  start(): Promise<Pipeline> {
    return this.#options.stream.consume({
      groupId: 'retraining',
      topics: ['drift-reports', 'performance-reports'],
      concurrency: 1,
      handleBatch: (batch) => this.handle(batch),
    });
  }

  /** One after the other: what one decision starts holds back the next. */
  handle(batch: DecodedBatch<'drift-reports' | 'performance-reports'>): Promise<void> {
    const work = this.#last.then(async () => {
      if (batch.topic === 'drift-reports') for (const { value } of batch.accepted) await this.#onDrift(value);
      else for (const { value } of batch.accepted) await this.#onPerformance(value);
    });
    this.#last = work.catch(() => undefined);
    return work;
  }

  async #onDrift(report: DriftReport): Promise<void> {
    const { clickhouse, config } = this.#options;
    const { triggers } = config.retraining;
    const { model, windowStart, windowEnd, epoch, verdict } = report;
    const occasion = this.#occasion(report, windowEnd);
    if (!triggers.drift || verdict === 'collecting' || this.#taken('drift', occasion)) return;
    const drifting = verdict === 'drift';
    const since = drifting ? await driftSince(clickhouse, { model, epoch, windowStart }) : windowStart;
    const labels = drifting ? await labelsOfTextsSince(clickhouse, { model, since, until: windowEnd }) : 0;
    const servingEpoch = this.#options.registry.model(model)?.serving?.epoch;
    const situation = { servingEpoch, since, labels, minimumLabels: triggers.driftMinimumLabels };
    await this.#decide(driftPolicy(report, situation), occasion);
  }

  async #onPerformance(report: PerformanceReport): Promise<void> {
    if (report.scope !== 'rolling') return;
    const { clickhouse, registry, config } = this.#options;
    const { accuracyBelow: below, accuracyMinimumLabels: minimumLabels, newLabels } = config.retraining.triggers;
    const { model, windowEnd } = report;
    const occasion = this.#occasion(report, windowEnd);
    const registered = registry.model(model);
    if (registered !== undefined && !this.#taken('rollback', occasion)) {
      const finding = await rollbackFinding(this.#options, registered, report);
      if (finding !== undefined) await this.#rollBack(finding, occasion);
    }
    const servingEpoch = registry.model(model)?.serving?.epoch;
    if (below > 0 && !this.#taken('accuracy', occasion))
      await this.#decide(accuracyPolicy(report, { servingEpoch, below, minimumLabels }), occasion);
    if (newLabels > 0 && !this.#taken('new-labels', occasion)) {
      const since = this.#lastTraining(model) ?? 0;
      const labels = await labelsGivenBetween(clickhouse, { model, since, until: windowEnd });
      await this.#decide(newLabelsPolicy({ labels, above: newLabels, since }), occasion);
    }
  }

  async #rollBack(finding: Finding, occasion: Occasion): Promise<void> {
    const { registry, log, metrics } = this.#options;
    const { model } = occasion;
    // Neither cool-down nor a retraining under way may keep a version serving that is clearly worse.
    const decision = decide(finding, occasion, { pending: false, lastRetraining: undefined, coolDown: 0 });
    if (decision.outcome === 'fired') {
      await registry.rollback({ model, by: 'policy rollback', reason: finding.reason, requestId: decision.id });
      metrics.increment('tidemill_rollbacks_total', { model });
    }
    await log.write(decision);
  }

  async #decide(finding: Finding, occasion: Occasion): Promise<void> {
    const { log, queue, config } = this.#options;
    await queue.caughtUp();
    const { model } = occasion;
    const pending = queue.pending(model);
    const coolDown = milliseconds(config.retraining.coolDown);
    await log.write(decide(finding, occasion, { pending, lastRetraining: this.#lastTraining(model), coolDown }));
    await queue.caughtUp();
  }

  /** Event time of the last retraining a policy asked for. */
  #lastTraining(model: string): number | undefined {
    return this.#options.log.lastFired(model);
  }

  #occasion(report: { id: string; model: string; revision: number }, occurredAt: number): Occasion {
    const { clock } = this.#options;
    return { model: report.model, evidenceId: `${report.id}:${report.revision}`, occurredAt, decidedAt: clock.now() };
  }

  #taken(policy: Finding['policy'], { model, evidenceId }: Occasion): boolean {
    return this.#options.log.has(`${model}:${policy}:${evidenceId}`);
  }
}
