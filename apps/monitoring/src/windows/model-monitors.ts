import type { ClickHouse } from '#libs/clickhouse';
import type { DriftReport, PerformanceReport, TopicName } from '#libs/events';
import { type Clock, type Configuration, type Logger, type Metrics, reasonOf } from '#libs/platform';
import type { Stream } from '#libs/stream';
import { PerformanceEvaluator } from '../performance/performance.evaluator.ts';
import { DriftEvaluator } from './drift.evaluator.ts';
import { ModelMonitor, type ModelMonitorOptions } from './model-monitor.ts';

export interface ModelMonitorsOptions {
  clickhouse: ClickHouse;
  admin: Pick<Stream['admin'], 'endOffsets' | 'groupLag'>;
  config: Configuration['monitoring'];
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  publishDrift: (report: DriftReport) => Promise<void>;
  publishPerformance: (report: PerformanceReport) => Promise<void>;
}

/** Consumer group of every instance. */
export const monitoringGroup = 'monitoring';

/** How often time alone may close a window: the idle time-out of the watermark passes without an event. */
const tick = 1000;
const verdictLevel: Record<string, number> = { warning: 1, drift: 2 };

type Filled = ModelMonitorOptions['filled'];

/** From one assignment of partitions to the next, when this instance is the one that evaluates. */
interface Turn {
  readonly assigned: ReadonlySet<string>;
  readonly monitors: Map<string, ModelMonitor>;
  readonly starting: Map<string, Promise<ModelMonitor>>;
  /** Whether this instance reads all partitions; undefined until everything that was said before is in the tables. */
  readsAll: boolean | undefined;
  /** The models that the tables know have been resumed. */
  resumed: boolean;
}

/**
 * The monitors of all models that have been answered, evaluated one after the other. Of several instances the one that
 * reads partition 0 of the predictions evaluates: windows are statements about all partitions. When another one takes
 * over, it goes on from the tables.
 */
export class ModelMonitors {
  readonly #options: ModelMonitorsOptions;
  readonly #drift: DriftEvaluator;
  readonly #performance: PerformanceEvaluator;
  #assigned = false;
  #turn: Turn | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #failure: string | undefined;

  constructor(options: ModelMonitorsOptions) {
    this.#options = options;
    this.#drift = new DriftEvaluator(options);
    this.#performance = new PerformanceEvaluator(options);
  }

  start(): void {
    this.#timer = setInterval(() => this.evaluate(true), tick);
  }

  async onPrediction(model: string, inputPartition: number, occurredAt: number): Promise<void> {
    const turn = this.#turn;
    // What is stored before a turn begins is read from the tables.
    if (turn?.readsAll === undefined) return;
    const monitor = turn.monitors.get(model) ?? (await this.#monitor(turn, model));
    monitor.onTexts('predictions', inputPartition, { from: occurredAt, to: occurredAt });
  }

  /** Only of models that have been answered: a text may name anything. */
  onText(model: string, partition: number, occurredAt: number): void {
    this.#tell(model, (monitor) => monitor.onTexts('texts', partition, { from: occurredAt, to: occurredAt }));
  }

  onLabel(model: string, at: { partition: number; offset: number }, labelledAt: number): void {
    this.#tell(model, (monitor) => monitor.onLabels(at, labelledAt));
  }

  /** A monitor that is just starting has read the tables maybe before this was stored: it is told when it has started. */
  #tell(model: string, event: (monitor: ModelMonitor) => void): void {
    const monitor = this.#turn?.monitors.get(model);
    if (monitor !== undefined) event(monitor);
    else this.#turn?.starting.get(model)?.then(event, () => undefined);
  }

  onAssigned(partitions: readonly { topic: TopicName; partition: number }[]): void {
    const assigned = new Set(partitions.map(({ topic, partition }) => `${topic}-${partition}`));
    this.#assigned = true;
    this.#turn = assigned.has('predictions-0')
      ? { assigned, monitors: new Map(), starting: new Map(), readsAll: undefined, resumed: false }
      : undefined;
    this.evaluate();
  }

  /** True when everything that arrived has been looked at. */
  get idle(): boolean {
    return this.#assigned && this.#running === undefined && this.#failure === undefined && !this.#pending();
  }

  /** Why nothing is said at the moment, if so. */
  get failure(): string | undefined {
    return this.#failure;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#turn = undefined;
    await this.#running;
  }

  #pending(): boolean {
    const turn = this.#turn;
    return turn !== undefined && (!turn.resumed || [...turn.monitors.values()].some(({ pending }) => pending));
  }

  #monitor(turn: Turn, model: string, filled?: Filled): Promise<ModelMonitor> {
    const known = turn.starting.get(model);
    if (known !== undefined) return known;
    const starting = this.#start(turn, model, filled);
    turn.starting.set(model, starting);
    starting.then(
      (monitor) => turn.monitors.set(model, monitor),
      () => turn.starting.delete(model),
    );
    return starting;
  }

  async #start(turn: Turn, model: string, filled: Filled | undefined): Promise<ModelMonitor> {
    const { clickhouse, config, clock } = this.#options;
    return ModelMonitor.start({
      model,
      clickhouse,
      config,
      clock,
      drift: this.#drift,
      performance: this.#performance,
      // Asked anew for a new model: its texts have come since the turn began.
      filled: filled ?? (await this.#filled()),
      publishDrift: (report) => this.#sayDrift(turn, report),
      publishPerformance: (report) => this.#sayPerformance(turn, report),
    });
  }

  async #filled(): Promise<Filled> {
    const holding = async (topic: 'texts' | 'labels') =>
      (await this.#options.admin.endOffsets(topic)).flatMap(({ partition, high }) => (high > 0n ? [partition] : []));
    return { texts: await holding('texts'), labels: await holding('labels') };
  }

  /** Single flight: what arrives meanwhile is looked at right after. `timed`: time has passed, maybe nothing else. */
  evaluate(timed = false): void {
    if (this.#turn === undefined) return;
    if (this.#running !== undefined) {
      this.#again ||= !timed;
      return;
    }
    this.#running = this.#evaluateAll(this.#turn, timed).finally(() => {
      this.#running = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.evaluate();
    });
  }

  /** Nothing is lost by a failure: a monitor looks at the same again at the next tick. */
  async #evaluateAll(turn: Turn, timed: boolean): Promise<void> {
    const failures: string[] = [];
    const attempt = async (what: string, action: () => Promise<void>) => {
      try {
        await action();
      } catch (error) {
        // Cut off because another instance evaluates now.
        if (turn !== this.#turn) return;
        failures.push(`${what}: ${reasonOf(error)}`);
        this.#options.logger.error({ what, reason: reasonOf(error) }, 'could not be evaluated; it is tried again');
      }
    };
    if (!turn.resumed) await attempt('models', () => this.#resume(turn));
    for (const [model, monitor] of turn.monitors) {
      await attempt(model, async () => {
        if (timed && turn.readsAll === false) await monitor.look();
        await monitor.evaluate();
      });
    }
    this.#failure = failures.length === 0 ? undefined : failures.join('; ');
  }

  /** Begins a turn: resumes the models that the tables know. */
  async #resume(turn: Turn): Promise<void> {
    turn.readsAll ??= await this.#readsAll(turn);
    if (turn.readsAll === undefined) return;
    const known = await this.#options.clickhouse.query<{ model: string }>(
      'SELECT DISTINCT model FROM predictions ORDER BY model',
    );
    const filled = await this.#filled();
    for (const { model } of known) await this.#monitor(turn, model, filled);
    turn.resumed = true;
  }

  /** Undefined while something that was said is not in the tables yet: it would be said again. */
  async #readsAll({ assigned }: Turn): Promise<boolean | undefined> {
    const { admin } = this.#options;
    for (const topic of ['drift-reports', 'performance-reports'] as const) {
      if ((await admin.groupLag(monitoringGroup, topic)).total > 0) return undefined;
    }
    for (const topic of ['texts', 'predictions', 'labels'] as const) {
      for (const { partition } of await admin.endOffsets(topic))
        if (!assigned.has(`${topic}-${partition}`)) return false;
    }
    return true;
  }

  async #sayDrift(turn: Turn, report: DriftReport): Promise<void> {
    const { metrics, publishDrift } = this.#options;
    this.#assertCurrent(turn);
    await publishDrift(report);
    const { model } = report;
    metrics.increment('tidemill_windows_total', { model });
    metrics.set('tidemill_window_verdict', verdictLevel[report.verdict] ?? 0, { model });
    metrics.set('tidemill_expected_accuracy', report.expectedAccuracy, { model });
  }

  async #sayPerformance(turn: Turn, report: PerformanceReport): Promise<void> {
    const { metrics, publishPerformance } = this.#options;
    this.#assertCurrent(turn);
    await publishPerformance(report);
    const { model } = report;
    if (report.scope === 'rolling') metrics.set('tidemill_rolling_accuracy', report.accuracy.value, { model });
    else metrics.set('tidemill_label_coverage', report.labelCoverage, { model });
  }

  #assertCurrent(turn: Turn): void {
    if (turn !== this.#turn) throw new Error('partitions were assigned anew; who evaluates now says it');
  }
}
