import { setTimeout as delay } from 'node:timers/promises';
import type { ClickHouse } from '#libs/clickhouse';
import type { DriftReport, PerformanceReport } from '#libs/events';
import { type Clock, type Configuration, type Logger, type Metrics, milliseconds, reasonOf } from '#libs/platform';
import type { ArtifactStore, Registry } from '#libs/registry';
import type { LogReader, Stream } from '#libs/stream';
import type { RequestQueue } from '../workflow/request-queue.ts';
import { storedPatience, untilStored } from '../workflow/stored.ts';
import { accuracyPolicy } from './accuracy.policy.ts';
import { canaryConclusion, canaryFinding } from './canary-trial.ts';
import { decide, decisionId, type Finding, type Occasion } from './decision.ts';
import type { DecisionLog } from './decision-log.ts';
import { DriftHistory } from './drift-history.ts';
import { driftPolicy } from './drift.policy.ts';
import { labelsGivenBetween, labelsOfTextsSince } from './label.queries.ts';
import { newLabelsPolicy } from './new-labels.policy.ts';
import { rollbackFinding, watchedEpoch } from './rollback-watch.ts';

export interface TriggersOptions {
  stream: Stream;
  clickhouse: ClickHouse;
  registry: Registry;
  store: ArtifactStore;
  log: DecisionLog;
  queue: RequestQueue;
  config: Configuration;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

type Report = { kind: 'drift'; report: DriftReport } | { kind: 'performance'; report: PerformanceReport };

const retryAfter = 1000;

/**
 * From reports to decisions:
 *
 *   drift report                → drift
 *   performance report, rolling → rollback, canary, drift that was held for want of labels, accuracy, new labels
 *
 * Each decision is fired, held or not met, and is written with its figures whatever it is. Reports of the two topics are
 * looked at in the order of event time, so that the same stream gives the same decisions. Both topics are read from
 * their beginning at every start: what has been decided is known by its id and not decided again.
 */
export class Triggers {
  readonly #options: TriggersOptions;
  readonly #stop = new AbortController();
  readonly #drift = new DriftHistory();
  /** By model, the newest serving epoch that need not be watched any more. */
  readonly #watched = new Map<string, number>();
  #readers: LogReader[] = [];
  #waiting: Report[] = [];
  #working: Promise<void> | undefined;
  #failure: string | undefined;

  constructor(options: TriggersOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { stream } = this.#options;
    const follow = { follow: true };
    this.#readers = [
      await stream.readToEnd(
        'drift-reports',
        ({ value }) => void (value !== null && this.#add({ kind: 'drift', report: value })),
        follow,
      ),
      await stream.readToEnd(
        'performance-reports',
        ({ value }) => void (value?.scope === 'rolling' && this.#add({ kind: 'performance', report: value })),
        follow,
      ),
    ];
    this.#pump();
  }

  /** Resolves when every report written before the call is known here. */
  async caughtUp(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.caughtUp()));
  }

  get idle(): boolean {
    return this.#working === undefined && this.#waiting.length === 0;
  }

  /** Why nothing is decided at the moment, if so. */
  get failure(): string | undefined {
    return this.#failure;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#readers.map((reader) => reader.close()));
    await this.#working;
  }

  #add(report: Report): void {
    if (report.kind === 'drift') this.#drift.note(report.report);
    this.#waiting.push(report);
    if (this.#readers.length > 0) this.#pump();
  }

  #pump(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      if (this.#waiting.length > 0 && !this.#stop.signal.aborted) this.#pump();
    });
  }

  async #work(): Promise<void> {
    const { logger } = this.#options;
    const { signal } = this.#stop;
    while (this.#waiting.length > 0 && !signal.aborted) {
      try {
        // A report of the other topic that was written earlier comes first.
        await this.caughtUp();
        this.#waiting.sort(byEventTime);
        const [next] = this.#waiting;
        if (next === undefined) return;
        await (next.kind === 'drift' ? this.#onDrift(next.report) : this.#onPerformance(next.report));
        this.#waiting.shift();
        this.#failure = undefined;
      } catch (error) {
        if (signal.aborted) return;
        this.#failure = `a decision waits: ${reasonOf(error)}`;
        logger.warn({ reason: reasonOf(error) }, 'a decision could not be taken and is tried again');
        await delay(retryAfter, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #onDrift(report: DriftReport, occasion = this.#occasion(report)): Promise<void> {
    const { registry, config } = this.#options;
    const { triggers } = config.retraining;
    const { model, windowStart, verdict } = report;
    if (!triggers.drift || verdict === 'collecting' || this.#taken('drift', occasion)) return;
    const since = verdict === 'drift' ? this.#drift.since(report) : windowStart;
    const labels = verdict === 'drift' ? await this.#labelsSince({ model, since, until: occasion.occurredAt }) : 0;
    const servingEpoch = registry.model(model)?.serving?.epoch;
    const situation = { servingEpoch, since, labels, minimumLabels: triggers.driftMinimumLabels };
    await this.#decide(driftPolicy(report, situation), occasion);
  }

  /** A window may close before labels given in it are stored: they count, whichever comes first. */
  async #labelsSince(span: { model: string; since: number; until: number }): Promise<number> {
    const { stream, clickhouse, logger } = this.#options;
    if (!(await untilStored(stream.admin, { patience: storedPatience, signal: this.#stop.signal })))
      logger.warn({ model: span.model }, 'monitoring does not keep up: labels that it has not stored yet do not count');
    return labelsOfTextsSince(clickhouse, span);
  }

  async #onPerformance(report: PerformanceReport): Promise<void> {
    const { clickhouse, registry, log, config } = this.#options;
    const { accuracyBelow: below, accuracyMinimumLabels: minimumLabels, newLabels: above } = config.retraining.triggers;
    const { model, windowEnd: until } = report;
    const occasion = this.#occasion(report);
    if (!this.#taken('rollback', occasion)) await this.#watch(report, occasion);
    await this.#rollBack(model);
    if (!this.#taken('canary', occasion)) await this.#judge(report, occasion);
    await this.#conclude(model);
    const servingEpoch = registry.model(model)?.serving?.epoch;
    await this.#onLabels(occasion);
    if (below > 0 && !this.#taken('accuracy', occasion))
      await this.#decide(accuracyPolicy(report, { servingEpoch, below, minimumLabels }), occasion);
    if (above > 0 && !this.#taken('new-labels', occasion)) {
      const since = log.lastFired(model) ?? 0;
      const labels = await labelsGivenBetween(clickhouse, { model, since, until });
      await this.#decide(newLabelsPolicy({ labels, above, since }), occasion);
    }
  }

  /** A drift that was held is looked at again when labels have come since. */
  async #onLabels(occasion: Occasion): Promise<void> {
    const { model, occurredAt } = occasion;
    const held = this.#options.log.heldDrift(model);
    if (held === undefined || held.occurredAt >= occurredAt) return;
    const drifting = this.#drift.last(model, occurredAt);
    if (drifting?.verdict === 'drift') await this.#onDrift(drifting, occasion);
  }

  async #watch(report: PerformanceReport, occasion: Occasion): Promise<void> {
    const { model, epoch } = report;
    const { registry, log } = this.#options;
    const registered = registry.model(model);
    if (registered === undefined || (this.#watched.get(model) ?? 0) >= epoch) return;
    const finding = await rollbackFinding(this.#options, registered, report);
    if (finding === undefined) return;
    // Neither cool-down nor a retraining under way may keep a version serving that is clearly worse.
    await log.write(decide(finding, occasion, { pending: false, lastRetraining: undefined, coolDown: 0 }));
    if (finding.over) this.#watched.set(model, epoch);
  }

  /** Decided first, done then: what a crash between the two left undone is done with the next report. */
  async #rollBack(model: string): Promise<void> {
    const { registry, log, metrics } = this.#options;
    const decision = log.lastRollback(model);
    if (decision === undefined) return;
    const { id: requestId, reason } = decision;
    const done = registry.ended(model, requestId) !== undefined;
    const ifEpoch = watchedEpoch(decision);
    if (!done && registry.model(model)?.serving?.epoch !== ifEpoch) return;
    // Also when it is done: inference may not have been told.
    await registry.rollback({ model, by: 'policy rollback', reason, requestId, ifEpoch });
    if (!done) metrics.increment('tidemill_rollbacks_total', { model });
  }

  async #judge(report: PerformanceReport, occasion: Occasion): Promise<void> {
    const { registry, log } = this.#options;
    const registered = registry.model(report.model);
    if (registered === undefined) return;
    const finding = await canaryFinding(this.#options, registered, report);
    if (finding === undefined) return;
    await log.write(decide(finding, occasion, { pending: false, lastRetraining: undefined, coolDown: 0 }));
  }

  /** As a rollback is: decided first, done then. */
  async #conclude(model: string): Promise<void> {
    const { registry, log, metrics } = this.#options;
    const decision = log.lastCanary(model);
    const registered = registry.model(model);
    if (decision === undefined || registered === undefined) return;
    const conclusion = canaryConclusion(registered, decision);
    // Also when it is done: inference may not have been told.
    if (conclusion === undefined) return registry.announce(model);
    const { canary, ifEpoch } = conclusion;
    const about = { model, version: canary.version, by: 'policy canary', reason: decision.reason };
    if (conclusion.promote) await registry.promote({ ...about, ifEpoch });
    else await registry.withdraw(about);
    metrics.increment(conclusion.promote ? 'tidemill_promotions_total' : 'tidemill_canaries_withdrawn_total', {
      model,
    });
  }

  async #decide(finding: Finding, occasion: Occasion): Promise<void> {
    const { log, queue, config } = this.#options;
    const { model } = occasion;
    // What people or the decision before have asked for holds this one back.
    await queue.caughtUp();
    const hold = {
      pending: queue.pending(model, decisionId(finding.policy, occasion)),
      lastRetraining: log.lastFired(model),
      coolDown: milliseconds(config.retraining.coolDown),
    };
    await log.write(decide(finding, occasion, hold));
  }

  #occasion({ id, revision, model, windowEnd: occurredAt }: Report['report']): Occasion {
    return { model, evidenceId: `${id}:${revision}`, occurredAt, decidedAt: this.#options.clock.now() };
  }

  #taken(policy: Finding['policy'], occasion: Occasion): boolean {
    return this.#options.log.has(decisionId(policy, occasion));
  }
}

/** By the end of what they speak of; drift first, then by name, so that the order never depends on arrival. */
function byEventTime(a: Report, b: Report): number {
  if (a.report.windowEnd !== b.report.windowEnd) return a.report.windowEnd - b.report.windowEnd;
  if (a.kind !== b.kind) return a.kind === 'drift' ? -1 : 1;
  return a.report.id < b.report.id ? -1 : 1;
}
