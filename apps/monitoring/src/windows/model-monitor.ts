import type { ClickHouse } from '#libs/clickhouse';
import type { DriftReport, PerformanceReport } from '#libs/events';
import { type Clock, type Configuration, milliseconds } from '#libs/platform';
import type { PerformanceEvaluator } from '../performance/performance.evaluator.ts';
import { ClosedWindows, sameStatement } from './closed-windows.ts';
import type { DriftEvaluator } from './drift.evaluator.ts';
import { Watermark } from './watermark.ts';
import { closableWindows } from './window-plan.ts';
import { textsPerBucket } from './window.queries.ts';

export interface ModelMonitorOptions {
  model: string;
  clickhouse: ClickHouse;
  config: Configuration['monitoring'];
  clock: Clock;
  drift: DriftEvaluator;
  performance: PerformanceEvaluator;
  publishDrift: (report: DriftReport) => Promise<void>;
  publishPerformance: (report: PerformanceReport) => Promise<void>;
}

/** Share of the rolling labels that must be new before the rolling figures are stated again. */
const rollingStep = 0.1;

/**
 * Watches one model: closes windows as event time passes, restates them when late texts or labels arrive, and states
 * the rolling figures as label time passes. What it says is a function of the tables and of event time alone.
 */
export class ModelMonitor {
  readonly #options: ModelMonitorOptions;
  readonly #closed: ClosedWindows;
  readonly #texts: Watermark;
  readonly #labels: Watermark;
  /** Spans of event time whose texts or labels changed since they were looked at. */
  #changedTexts: { from: number; to: number } | undefined;
  #changedLabels = new Set<string>();
  #newTexts = true;
  #lastWatermark = Number.NEGATIVE_INFINITY;

  private constructor(options: ModelMonitorOptions, closed: ClosedWindows) {
    this.#options = options;
    this.#closed = closed;
    const rule = {
      allowedLateness: milliseconds(options.config.window.allowedLateness),
      idleTimeout: milliseconds(options.config.window.idleTimeout),
      clock: options.clock,
    };
    this.#texts = new Watermark(rule);
    this.#labels = new Watermark(rule);
  }

  static async start(options: ModelMonitorOptions): Promise<ModelMonitor> {
    const monitor = new ModelMonitor(options, await ClosedWindows.load(options.clickhouse, options.model));
    await monitor.#resume();
    return monitor;
  }

  /** A text of this model has been answered and stored. */
  onText(partition: number, occurredAt: number): void {
    this.#texts.observe(partition, occurredAt);
    this.#newTexts = true;
    const last = this.#closed.last;
    if (last === undefined || occurredAt >= last.windowEnd) return;
    const { from, to } = this.#changedTexts ?? { from: occurredAt, to: occurredAt };
    this.#changedTexts = { from: Math.min(from, occurredAt), to: Math.max(to, occurredAt) };
  }

  /** A label of this model has been stored. */
  onLabel(partition: number, label: { textId: string; labelledAt: number }): void {
    this.#labels.observe(partition, label.labelledAt);
    this.#changedLabels.add(label.textId);
  }

  /** True when something arrived that `evaluate` has not looked at yet. */
  get pending(): boolean {
    return this.#newTexts || this.#changedTexts !== undefined || this.#changedLabels.size > 0;
  }

  /** Says everything that can be said by now; true when something was said. */
  async evaluate(): Promise<boolean> {
    // One after the other, in this order: a rolling figure must not be older than the window it belongs to.
    const said = [
      await this.#restate(),
      await this.#closeWindows(),
      await this.#restatePerformance(),
      await this.#stateRolling(),
    ];
    return said.includes(true);
  }

  async #closeWindows(): Promise<boolean> {
    const { model, clickhouse, config, drift } = this.#options;
    const watermark = this.#texts.get();
    if (watermark === Number.NEGATIVE_INFINITY) return false;
    const duration = milliseconds(config.window.duration);
    const after = this.#closed.last?.windowEnd;
    if (!this.#newTexts && watermark === this.#lastWatermark) return false;
    this.#newTexts = false;
    this.#lastWatermark = watermark;
    const buckets = await textsPerBucket(clickhouse, model, { after: after ?? 0, duration });
    const windows = closableWindows(
      buckets,
      { duration, minimumTexts: config.window.minimumTexts },
      { after, watermark },
    );
    for (const window of windows) {
      const report = await drift.evaluate(model, window, this.#closed);
      await this.#options.publishDrift(report);
      this.#closed.noteDrift(report);
      await this.#sayPerformance(report);
    }
    return windows.length > 0;
  }

  /** Late texts: the windows they fall into are stated again, if that changes anything. */
  async #restate(): Promise<boolean> {
    const changed = this.#changedTexts;
    if (changed === undefined) return false;
    this.#changedTexts = undefined;
    let said = false;
    for (const before of this.#closed.overlapping(changed)) {
      const window = { start: before.windowStart, end: before.windowEnd };
      const report = {
        ...(await this.#options.drift.evaluate(this.#options.model, window, this.#closed)),
        revision: before.revision + 1,
      };
      if (sameStatement(before, report)) continue;
      await this.#options.publishDrift(report);
      this.#closed.noteDrift(report);
      await this.#sayPerformance(report);
      said = true;
    }
    return said;
  }

  /** New labels: the windows of the texts they belong to are stated again. */
  async #restatePerformance(): Promise<boolean> {
    if (this.#changedLabels.size === 0) return false;
    const textIds = [...this.#changedLabels];
    this.#changedLabels = new Set();
    const { clickhouse, model } = this.#options;
    const [span] = await clickhouse.query<{ from: number; to: number; texts: number }>(
      `SELECT min(toUnixTimestamp64Milli(occurred_at)) AS from, max(toUnixTimestamp64Milli(occurred_at)) AS to, count() AS texts
       FROM predictions WHERE model = {model:String} AND text_id IN {textIds:Array(String)}`,
      { model, textIds },
    );
    if (span === undefined || span.texts === 0) return false;
    let said = false;
    for (const window of this.#closed.overlapping(span)) said = (await this.#sayPerformance(window)) || said;
    return said;
  }

  async #sayPerformance(window: DriftReport): Promise<boolean> {
    const report = await this.#options.performance.ofWindow(window);
    return report !== undefined && (await this.#say(report));
  }

  async #say(report: PerformanceReport): Promise<boolean> {
    const before = this.#closed.performance(report.id);
    if (before !== undefined && sameStatement(before, report)) return false;
    const revised = { ...report, revision: before === undefined ? 0 : before.revision + 1 };
    await this.#options.publishPerformance(revised);
    this.#closed.notePerformance(revised);
    return true;
  }

  /** At every multiple of the window duration that label time has passed with enough new labels. */
  async #stateRolling(): Promise<boolean> {
    const { model, config, performance } = this.#options;
    const duration = milliseconds(config.window.duration);
    const watermark = this.#labels.get();
    if (watermark === Number.NEGATIVE_INFINITY) return false;
    const at = Math.floor(watermark / duration) * duration;
    const last = this.#closed.lastRolling?.windowEnd ?? 0;
    if (at <= last) return false;
    const step = Math.max(1, Math.round(config.performance.rollingLabels * rollingStep));
    const boundaries = await this.#rollingBoundaries({ after: last, until: at, step, duration });
    for (const boundary of boundaries) {
      const report = await performance.rolling(model, boundary);
      if (report !== undefined) await this.#say(report);
    }
    return boundaries.length > 0;
  }

  async #rollingBoundaries(span: { after: number; until: number; step: number; duration: number }): Promise<number[]> {
    const { model, clickhouse } = this.#options;
    const buckets = await clickhouse.query<{ start: number; labels: number }>(
      `SELECT intDiv(toUnixTimestamp64Milli(labelled_at), {duration:Int64}) * {duration:Int64} AS start, uniqExact(text_id) AS labels
       FROM labels FINAL
       WHERE model = {model:String} AND labelled_at > fromUnixTimestamp64Milli({after:Int64}) AND labelled_at <= fromUnixTimestamp64Milli({until:Int64})
       GROUP BY start ORDER BY start`,
      { model, ...span },
    );
    const boundaries: number[] = [];
    let labels = 0;
    for (const bucket of buckets) {
      labels += bucket.labels;
      if (labels < span.step || bucket.start + span.duration > span.until) continue;
      boundaries.push(bucket.start + span.duration);
      labels = 0;
    }
    return boundaries;
  }

  async #resume(): Promise<void> {
    const { model, clickhouse } = this.#options;
    const newest = (table: string, partition: string, time: string) =>
      clickhouse.query<{ partition: number; at: number }>(
        `SELECT ${partition} AS partition, max(toUnixTimestamp64Milli(${time})) AS at FROM ${table} WHERE model = {model:String} GROUP BY partition`,
        { model },
      );
    for (const { partition, at } of await newest('predictions', 'input_partition', 'occurred_at'))
      this.#texts.observe(partition, at);
    for (const { partition, at } of await newest('labels', 'kafka_partition', 'labelled_at'))
      this.#labels.observe(partition, at);
  }
}
