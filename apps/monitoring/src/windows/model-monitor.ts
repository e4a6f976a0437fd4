import type { ClickHouse } from '#libs/clickhouse';
import type { DriftReport, PerformanceReport } from '#libs/events';
import { type Clock, type Configuration, milliseconds } from '#libs/platform';
import { type PerformanceEvaluator, performanceId } from '../performance/performance.evaluator.ts';
import { ClosedWindows, sameStatement } from './closed-windows.ts';
import type { DriftEvaluator } from './drift.evaluator.ts';
import { Watermark } from './watermark.ts';
import { closableWindows } from './window-plan.ts';
import { StoredRowsReader } from './stored-rows.ts';
import { labelsPerBucket, spanOfLabelledTexts, textsPerBucket } from './window.queries.ts';

export interface ModelMonitorOptions {
  model: string;
  clickhouse: ClickHouse;
  config: Configuration['monitoring'];
  clock: Clock;
  drift: DriftEvaluator;
  performance: PerformanceEvaluator;
  publishDrift: (report: DriftReport) => Promise<void>;
  publishPerformance: (report: PerformanceReport) => Promise<void>;
  /** Partitions of topics texts and labels that hold records. */
  filled: { texts: readonly number[]; labels: readonly number[] };
}

/** Epoch milliseconds. */
interface EventTime {
  /** Before this every text and its answer has arrived. */
  texts: number;
  /** Before this every label has arrived as well. */
  rolling: number;
  /** No more labels are coming soon. */
  resting: boolean;
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
  readonly #stored: StoredRowsReader;
  /** The span of event time whose texts changed since it was looked at. */
  #changedTexts: { from: number; to: number } | undefined;
  /** Partition of topic labels to the first offset that was not looked at. */
  #changedLabels = new Map<number, number>();
  #newTexts = true;
  /** How many window durations the watermark had passed when windows were last closed. */
  #passed = Number.NEGATIVE_INFINITY;
  /** The moment up to which labels have been looked at for the rolling figures. */
  #rolledTo: number | undefined;

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
    this.#stored = new StoredRowsReader(options.clickhouse, options.model);
    for (const partition of options.filled.texts) {
      this.#texts.expect(`texts-${partition}`);
      this.#texts.expect(`predictions-${partition}`);
    }
    for (const partition of options.filled.labels) this.#labels.expect(`labels-${partition}`);
  }

  static async start(options: ModelMonitorOptions): Promise<ModelMonitor> {
    const monitor = new ModelMonitor(options, await ClosedWindows.load(options.clickhouse, options.model));
    await monitor.look();
    // Everything is new at the first look; what of it has not been looked at before the start is found by its figures.
    monitor.#changedTexts = undefined;
    monitor.#changedLabels.clear();
    await monitor.#recheck();
    return monitor;
  }

  /** Texts of this model, or their answers, have been stored, of this partition of topic texts. A window needs both. */
  onTexts(what: 'texts' | 'predictions', partition: number, { from, to }: { from: number; to: number }): void {
    this.#texts.observe(`${what}-${partition}`, to);
    if (what === 'texts') this.#texts.expect(`predictions-${partition}`);
    this.#newTexts = true;
    const end = this.#closed.last?.windowEnd ?? Number.NEGATIVE_INFINITY;
    if (from < end) this.#textsChanged({ from, to });
    // A window that held too few texts when event time passed its end may hold enough now.
    if (to >= end && from < this.#passed * milliseconds(this.#options.config.window.duration)) this.#lookAgain();
  }

  /** Labels of this model have been stored, from this offset of topic labels on. */
  onLabels({ partition, offset }: { partition: number; offset: number }, labelledAt: number): void {
    this.#labels.observe(`labels-${partition}`, labelledAt);
    this.#rolledTo = undefined;
    this.#labelsChanged(partition, offset);
  }

  #lookAgain(): void {
    this.#passed = Number.NEGATIVE_INFINITY;
  }

  /** True when something arrived that `evaluate` has not looked at yet. */
  get pending(): boolean {
    return this.#newTexts || this.#changedTexts !== undefined || this.#changedLabels.size > 0;
  }

  /**
   * Says everything that can be said by now, in the order of event time however much has waited: decisions follow it.
   * @throws when the tables or the broker do not answer; the next call looks at the same again.
   */
  async evaluate(): Promise<void> {
    const looked = { texts: this.#changedTexts, labels: this.#changedLabels };
    this.#changedTexts = undefined;
    this.#changedLabels = new Map();
    this.#newTexts = false;
    const time = this.#eventTime();
    try {
      if (looked.texts !== undefined) await this.#restate(looked.texts);
      await this.#closeWindows(time);
      if (looked.labels.size > 0) await this.#restatePerformance(looked.labels);
      await this.#stateRolling(time);
    } catch (error) {
      this.#newTexts = true;
      this.#rolledTo = undefined;
      this.#lookAgain();
      if (looked.texts !== undefined) this.#textsChanged(looked.texts);
      for (const [partition, offset] of looked.labels) this.#labelsChanged(partition, offset);
      throw error;
    }
  }

  #textsChanged({ from, to }: { from: number; to: number }): void {
    const before = this.#changedTexts ?? { from, to };
    this.#changedTexts = { from: Math.min(from, before.from), to: Math.max(to, before.to) };
  }

  #labelsChanged(partition: number, offset: number): void {
    this.#changedLabels.set(partition, Math.min(offset, this.#changedLabels.get(partition) ?? offset));
  }

  /** How far texts and labels have come, at one moment. */
  #eventTime(): EventTime {
    const [texts, labels] = [this.#texts.get(), this.#labels.get()];
    // A label can be older than the answer to its text: that one has come when texts have passed the moment, too.
    const rolling = this.#texts.idle ? labels : Math.min(labels, texts);
    return { texts, rolling, resting: this.#labels.idle && rolling === labels };
  }

  async #closeWindows(time: EventTime): Promise<void> {
    const { model, clickhouse, config, drift } = this.#options;
    const watermark = time.texts;
    const duration = milliseconds(config.window.duration);
    // Windows end at multiples of the duration: between two of them there is nothing to be closed.
    const passed = Math.floor(watermark / duration);
    if (passed === this.#passed || watermark === Number.NEGATIVE_INFINITY) return;
    this.#passed = passed;
    const after = this.#closed.last?.windowEnd;
    const buckets = await textsPerBucket(clickhouse, model, { after: after ?? 0, duration });
    const windows = closableWindows(
      buckets,
      { duration, minimumTexts: config.window.minimumTexts },
      { after, watermark },
    );
    for (const window of windows) {
      await this.#stateRolling(time, window.end - duration);
      const report = await drift.evaluate(model, window, this.#closed);
      await this.#options.publishDrift(report);
      this.#closed.noteDrift(report);
      await this.#sayPerformance(report);
    }
  }

  /** Late texts: the windows they fall into are stated again, if that changes anything. */
  async #restate(changed: { from: number; to: number }): Promise<void> {
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
    }
  }

  /** New labels: the windows of the texts they belong to are stated again. */
  async #restatePerformance(changed: ReadonlyMap<number, number>): Promise<void> {
    const { clickhouse, model } = this.#options;
    const span = await spanOfLabelledTexts(clickhouse, model, changed);
    if (span === undefined) return;
    for (const window of this.#closed.overlapping(span)) await this.#sayPerformance(window);
  }

  async #sayPerformance(window: DriftReport): Promise<void> {
    const report = await this.#options.performance.ofWindow(window);
    if (report !== undefined) await this.#say(report);
  }

  async #say(report: PerformanceReport): Promise<void> {
    const before = this.#closed.performance(report.id);
    if (before !== undefined && sameStatement(before, report)) return;
    const revised = { ...report, revision: before === undefined ? 0 : before.revision + 1 };
    await this.#options.publishPerformance(revised);
    this.#closed.notePerformance(revised);
  }

  /**
   * At every multiple of the window duration that label time has passed with enough new labels; and at the last label
   * when no more are coming, as after a file of labels that was sent at once. Up to `until` (epoch milliseconds).
   */
  async #stateRolling(time: EventTime, until = Number.POSITIVE_INFINITY): Promise<void> {
    const { model, config, performance } = this.#options;
    const duration = milliseconds(config.window.duration);
    const watermark = Math.min(time.rolling, until);
    if (watermark === Number.NEGATIVE_INFINITY) return;
    const at = time.resting && watermark < until ? watermark : Math.floor(watermark / duration) * duration;
    const last = this.#closed.lastRolling?.windowEnd ?? 0;
    if (at <= Math.max(last, this.#rolledTo ?? 0)) return;
    this.#rolledTo = at;
    const step = Math.max(1, Math.round(config.performance.rollingLabels * rollingStep));
    const boundaries = await this.#rollingBoundaries({ after: last, until: at, step, duration });
    for (const boundary of boundaries) {
      const report = await performance.rolling(model, boundary);
      if (report !== undefined) await this.#say(report);
    }
  }

  async #rollingBoundaries(span: { after: number; until: number; step: number; duration: number }): Promise<number[]> {
    const { model, clickhouse } = this.#options;
    const buckets = await clickhouse.query<{ start: number; labels: number }>(
      `SELECT intDiv(toUnixTimestamp64Milli(labelled_at), {duration:Int64}) * {duration:Int64} AS start, uniqExact(text_id) AS labels
       FROM labels FINAL
       WHERE model = {model:String} AND labelled_at > fromUnixTimestamp64Milli({after:Int64}) AND labelled_at < fromUnixTimestamp64Milli({until:Int64})
       GROUP BY start ORDER BY start`,
      { model, ...span },
    );
    const boundaries: number[] = [];
    let labels = 0;
    for (const bucket of buckets) {
      labels += bucket.labels;
      if (labels < span.step) continue;
      boundaries.push(Math.min(bucket.start + span.duration, span.until));
      labels = 0;
    }
    return boundaries;
  }

  /** Takes up from the tables what was stored since the last look, also by other instances. */
  async look(): Promise<void> {
    for (const { table, partition, storedIn, first, oldest, newest } of await this.#stored.look(
      this.#options.clock.now(),
    )) {
      if (table === 'labels') this.onLabels({ partition: storedIn, offset: first }, newest);
      else this.onTexts(table, partition, { from: oldest, to: newest });
    }
  }

  /** Texts and labels that were stored before a crash but not looked at: statements that no longer fit are made again. */
  async #recheck(): Promise<void> {
    const { model, clickhouse, config } = this.#options;
    const [first] = this.#closed.reports;
    if (first === undefined) return;
    const duration = milliseconds(config.window.duration);
    const buckets = await textsPerBucket(clickhouse, model, { after: first.windowStart, duration });
    const labelled = await labelsPerBucket(clickhouse, model, { after: first.windowStart, duration });
    for (const report of this.#closed.reports) {
      const within = <T extends { start: number }>(all: readonly T[]) =>
        all.filter(({ start }) => start >= report.windowStart && start < report.windowEnd);
      const texts = within(buckets).reduce((sum, bucket) => sum + bucket.texts, 0);
      if (texts !== report.texts) this.#textsChanged({ from: report.windowStart, to: report.windowStart });
      const said = this.#closed.performance(performanceId(report));
      const labels = within(labelled);
      const count = labels.reduce((sum, bucket) => sum + bucket.labelled, 0);
      const correct = labels.reduce((sum, bucket) => sum + bucket.correct, 0);
      if (count !== (said?.labelled ?? 0) || correct !== Math.round((said?.accuracy.value ?? 0) * count))
        await this.#sayPerformance(report);
    }
  }
}
