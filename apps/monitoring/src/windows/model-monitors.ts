import type { ClickHouse } from '#libs/clickhouse';
import type { DriftReport, Label, PerformanceReport, TopicName } from '#libs/events';
import { type Clock, type Configuration, type Logger, type Metrics, reasonOf } from '#libs/platform';
import { PerformanceEvaluator } from '../performance/performance.evaluator.ts';
import { DriftEvaluator } from './drift.evaluator.ts';
import { ModelMonitor } from './model-monitor.ts';

export interface ModelMonitorsOptions {
  clickhouse: ClickHouse;
  config: Configuration['monitoring'];
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  publishDrift: (report: DriftReport) => Promise<void>;
  publishPerformance: (report: PerformanceReport) => Promise<void>;
}

/** How often time alone may close a window: the idle time-out of the watermark passes without an event. */
const tick = 1000;
const verdictLevel: Record<string, number> = { warning: 1, drift: 2 };

/**
 * The monitors of all models that have been answered, evaluated one after the other. Of several instances the one that
 * reads partition 0 of the predictions evaluates: windows are statements about all partitions.
 */
export class ModelMonitors {
  readonly #options: ModelMonitorsOptions;
  readonly #monitors = new Map<string, ModelMonitor>();
  readonly #starting = new Map<string, Promise<ModelMonitor>>();
  readonly #drift: DriftEvaluator;
  readonly #performance: PerformanceEvaluator;
  #evaluates = true;
  #readsAll = true;
  #running: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #failure: string | undefined;

  constructor(options: ModelMonitorsOptions) {
    this.#options = options;
    this.#drift = new DriftEvaluator(options);
    this.#performance = new PerformanceEvaluator(options);
  }

  /** Resumes the models that the tables know. */
  async start(): Promise<void> {
    const known = await this.#options.clickhouse.query<{ model: string }>(
      'SELECT DISTINCT model FROM predictions ORDER BY model',
    );
    for (const { model } of known) await this.#monitor(model);
    this.#timer = setInterval(() => this.evaluate(true), tick);
    this.evaluate();
  }

  async onPrediction(model: string, partition: string, occurredAt: number): Promise<void> {
    const monitor = this.#monitors.get(model) ?? (await this.#monitor(model));
    monitor.onText(partition, occurredAt);
  }

  /** Only of models that have been answered: a text may name anything. */
  onText(model: string, partition: string, occurredAt: number): void {
    this.#tell(model, (monitor) => monitor.onText(partition, occurredAt));
  }

  onLabel(partition: string, label: Label): void {
    this.#tell(label.model, (monitor) => monitor.onLabel(partition, label));
  }

  /** A monitor that is just starting has read the tables maybe before this was stored: it is told when it has started. */
  #tell(model: string, event: (monitor: ModelMonitor) => void): void {
    const monitor = this.#monitors.get(model);
    if (monitor !== undefined) event(monitor);
    else this.#starting.get(model)?.then(event, () => undefined);
  }

  onAssigned(partitions: readonly { topic: TopicName; partition: number }[]): void {
    const read = partitions.filter(({ topic }) => topic === 'predictions').map(({ partition }) => partition);
    this.#evaluates = read.includes(0);
    // Another instance has the rest: what it stores is seen in the tables.
    this.#readsAll = this.#evaluates && read.length === Math.max(...read) + 1;
    this.evaluate(true);
  }

  /** True when everything that arrived has been looked at. */
  get idle(): boolean {
    return this.#running === undefined && this.#failure === undefined && !this.#pending();
  }

  /** Why nothing is said at the moment, if so. */
  get failure(): string | undefined {
    return this.#failure;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#evaluates = false;
    await this.#running;
  }

  #pending(): boolean {
    return this.#evaluates && [...this.#monitors.values()].some(({ pending }) => pending);
  }

  #monitor(model: string): Promise<ModelMonitor> {
    const known = this.#starting.get(model);
    if (known !== undefined) return known;
    const { clickhouse, config, clock } = this.#options;
    const starting = ModelMonitor.start({
      model,
      clickhouse,
      config,
      clock,
      drift: this.#drift,
      performance: this.#performance,
      publishDrift: (report) => this.#sayDrift(report),
      publishPerformance: (report) => this.#sayPerformance(report),
    });
    this.#starting.set(model, starting);
    starting.then(
      (monitor) => this.#monitors.set(model, monitor),
      () => this.#starting.delete(model),
    );
    return starting;
  }

  /** Single flight: what arrives meanwhile is looked at right after. `timed`: time has passed, maybe nothing else. */
  evaluate(timed = false): void {
    if (!this.#evaluates) return;
    if (this.#running !== undefined) {
      this.#again ||= !timed;
      return;
    }
    this.#running = this.#evaluateAll(timed).finally(() => {
      this.#running = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.evaluate();
    });
  }

  async #evaluateAll(timed: boolean): Promise<void> {
    const { logger } = this.#options;
    for (const [model, monitor] of this.#monitors) {
      try {
        if (timed && !this.#readsAll) await monitor.refresh();
        await monitor.evaluate();
        this.#failure = undefined;
      } catch (error) {
        // Nothing is lost: the monitor looks at the same again at the next tick.
        this.#failure = `${model}: ${reasonOf(error)}`;
        logger.error({ model, reason: reasonOf(error) }, 'a model could not be evaluated; it is tried again');
      }
    }
  }

  async #sayDrift(report: DriftReport): Promise<void> {
    const { metrics, publishDrift } = this.#options;
    await publishDrift(report);
    const { model } = report;
    metrics.increment('tidemill_windows_total', { model });
    metrics.set('tidemill_window_verdict', verdictLevel[report.verdict] ?? 0, { model });
    metrics.set('tidemill_expected_accuracy', report.expectedAccuracy, { model });
  }

  async #sayPerformance(report: PerformanceReport): Promise<void> {
    const { metrics, publishPerformance } = this.#options;
    await publishPerformance(report);
    const { model } = report;
    if (report.scope === 'rolling') metrics.set('tidemill_rolling_accuracy', report.accuracy.value, { model });
    else metrics.set('tidemill_label_coverage', report.labelCoverage, { model });
  }
}
