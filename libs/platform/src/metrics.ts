import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from '@prometheus-io/client';

type Kind = 'counter' | 'gauge' | 'histogram';
interface MetricDefinition {
  kind: Kind;
  help: string;
  labels: readonly string[];
  buckets?: readonly number[];
}

const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Every metric there is; docs/metrics.md is checked against it. Labels are bounded: model, version, topic, instance. */
export const metricDefinitions = {
  tidemill_texts_consumed_total: { kind: 'counter', help: 'Records read from topic texts.', labels: ['model'] },
  tidemill_predictions_total: {
    kind: 'counter',
    help: 'Predictions acknowledged by the broker.',
    labels: ['model', 'version'],
  },
  tidemill_shadow_predictions_total: {
    kind: 'counter',
    help: 'Texts scored for comparison beside the answer that was given.',
    labels: ['model', 'version'],
  },
  tidemill_shadow_shed_total: {
    kind: 'counter',
    help: 'Texts that a challenger was to score for comparison and did not: it failed or did not keep up.',
    labels: ['model', 'version'],
  },
  tidemill_canary_fallbacks_total: {
    kind: 'counter',
    help: 'Texts of the canary that the champion answered, because the canary was not warm, failed or took too long.',
    labels: ['model'],
  },
  tidemill_texts_truncated_total: {
    kind: 'counter',
    help: 'Texts longer than the model takes: only their head was answered.',
    labels: ['model'],
  },
  tidemill_prediction_latency_seconds: {
    kind: 'histogram',
    help: 'From the text being fetched or received to its prediction being acknowledged or returned.',
    labels: ['model'],
    buckets: latencyBuckets,
  },
  tidemill_inference_batch_seconds: {
    kind: 'histogram',
    help: 'Time of one batch in the model host.',
    labels: ['model'],
    buckets: latencyBuckets,
  },
  tidemill_inference_batch_texts: {
    kind: 'histogram',
    help: 'Texts in one batch.',
    labels: ['model'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
  },
  tidemill_inference_tokens_total: {
    kind: 'counter',
    help: 'Tokens (of the built-in model: UTF-16 units) that texts gave to the model.',
    labels: ['model'],
  },
  tidemill_inference_padded_tokens_total: {
    kind: 'counter',
    help: 'The same with the padding of their batches: what the graph worked on.',
    labels: ['model'],
  },
  tidemill_inference_queue_texts: { kind: 'gauge', help: 'Synchronous texts waiting for a batch.', labels: ['model'] },
  tidemill_prediction_confidence: { kind: 'gauge', help: 'Mean confidence of the last batch.', labels: ['model'] },
  tidemill_dead_letters_total: { kind: 'counter', help: 'Records written to a dead-letter topic.', labels: ['topic'] },
  tidemill_records_skipped_total: {
    kind: 'counter',
    help: 'Undecodable records left out by consumers that do not answer for the topic.',
    labels: ['topic'],
  },
  tidemill_offset_resets_total: {
    kind: 'counter',
    help: 'Committed offsets that no longer existed: records expired unread.',
    labels: ['topic'],
  },
  tidemill_producers_recreated_total: {
    kind: 'counter',
    help: 'Producers given up after a failed or late acknowledgement.',
    labels: [],
  },
  tidemill_consumer_lag: {
    kind: 'gauge',
    help: 'Records between the committed offset and the end of the topic.',
    labels: ['topic'],
  },
  tidemill_consumer_crashes_total: {
    kind: 'counter',
    help: 'Consumers that stopped by themselves.',
    labels: ['topic'],
  },
  tidemill_model_swaps_total: { kind: 'counter', help: 'Hot swaps to another model version.', labels: ['model'] },
  tidemill_event_loop_delay_seconds: {
    kind: 'histogram',
    help: 'Longest time the event loop was blocked in each second with texts to answer.',
    labels: [],
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
  },
  tidemill_model_hosts: {
    kind: 'gauge',
    help: 'Model host processes that serve; 0 while none is there, or the model is unloaded.',
    labels: ['model'],
  },
  tidemill_model_host_busy_seconds_total: {
    kind: 'counter',
    help: 'Time the model hosts that serve have spent answering; its rate over their number is how busy they are.',
    labels: ['model'],
  },
  tidemill_model_host_memory_bytes: {
    kind: 'gauge',
    help: 'Resident memory of the model hosts that serve, and of those of challengers.',
    labels: ['model'],
  },
  tidemill_model_stale: {
    kind: 'gauge',
    help: '1 while nothing is answered because the version that serves is outdated for longer than it may be.',
    labels: ['model'],
  },
  tidemill_version_events_refused_total: {
    kind: 'counter',
    help: 'Version events not followed: unsigned or wrongly signed, outdated, or contradicting an earlier one.',
    labels: [],
  },
  tidemill_model_swap_failures_total: {
    kind: 'counter',
    help: 'Model versions that could not be loaded; the one before kept serving.',
    labels: ['model'],
  },
  tidemill_model_version: { kind: 'gauge', help: 'Model version now serving.', labels: ['model', 'instance'] },
  tidemill_model_host_restarts_total: {
    kind: 'counter',
    help: 'Model host processes that were started again.',
    labels: ['model'],
  },
  tidemill_rows_inserted_total: { kind: 'counter', help: 'Rows inserted into ClickHouse.', labels: ['topic'] },
  tidemill_windows_total: { kind: 'counter', help: 'Drift reports made.', labels: ['model'] },
  tidemill_window_verdict: {
    kind: 'gauge',
    help: 'Verdict of the last window: 0 collecting or stable, 1 warning, 2 drift.',
    labels: ['model'],
  },
  tidemill_rolling_accuracy: { kind: 'gauge', help: 'Accuracy over the last labelled texts.', labels: ['model'] },
  tidemill_expected_accuracy: {
    kind: 'gauge',
    help: 'Mean calibrated confidence of the last window.',
    labels: ['model'],
  },
  tidemill_label_coverage: {
    kind: 'gauge',
    help: 'Share of the texts of the last window that are labelled.',
    labels: ['model'],
  },
  tidemill_retraining_requests_total: { kind: 'counter', help: 'Retraining requests taken up.', labels: ['model'] },
  tidemill_retraining_running: {
    kind: 'gauge',
    help: '1 while a version is being trained or evaluated.',
    labels: ['model'],
  },
  tidemill_promotions_total: { kind: 'counter', help: 'Versions promoted to production.', labels: ['model'] },
  tidemill_refusals_total: { kind: 'counter', help: 'Versions refused by a gate.', labels: ['model'] },
  tidemill_canaries_withdrawn_total: {
    kind: 'counter',
    help: 'Canaries that were not better than the champion and were withdrawn.',
    labels: ['model'],
  },
  tidemill_rollbacks_total: { kind: 'counter', help: 'Versions rolled back.', labels: ['model'] },
  tidemill_http_requests_total: { kind: 'counter', help: 'HTTP requests answered.', labels: [] },
  tidemill_http_request_seconds: {
    kind: 'histogram',
    help: 'Time to answer an HTTP request.',
    labels: [],
    buckets: latencyBuckets,
  },
  tidemill_http_refused_total: { kind: 'counter', help: 'HTTP requests refused under overload.', labels: [] },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metricDefinitions;
type NameOf<K extends Kind> = {
  [N in MetricName]: (typeof metricDefinitions)[N]['kind'] extends K ? N : never;
}[MetricName];
type LabelsOf<N extends MetricName> = Partial<Record<(typeof metricDefinitions)[N]['labels'][number], string | number>>;

/** The metrics of one process. */
export interface Metrics {
  increment<N extends NameOf<'counter'>>(name: N, labels?: LabelsOf<N>, by?: number): void;
  set<N extends NameOf<'gauge'>>(name: N, value: number, labels?: LabelsOf<N>): void;
  observe<N extends NameOf<'histogram'>>(name: N, value: number, labels?: LabelsOf<N>): void;
  /** `measure` is called before each rendering: for gauges of what is there whether or not anything happens. */
  onRender(measure: () => void): void;
  /** Prometheus text format. */
  render(): Promise<string>;
  contentType: string;
}

/** A registry of its own with every declared metric; `processMetrics` adds those of Node itself. */
export function createMetrics(options: { processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  // Their default clocks wake an idle process 110 times a second: .5 % of a core.
  const clocks = { eventLoopMonitoringPrecision: 100, eventLoopUtilizationTimeout: 1000 };
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry, prefix: 'tidemill_', ...clocks });
  const counters = new Map<string, Counter<string>>();
  const gauges = new Map<string, Gauge<string>>();
  const histograms = new Map<string, Histogram<string>>();
  const measures: (() => void)[] = [];
  for (const [name, definition] of Object.entries<MetricDefinition>(metricDefinitions)) {
    const common = { name, help: definition.help, labelNames: [...definition.labels], registers: [registry] };
    if (definition.kind === 'counter') counters.set(name, new Counter(common));
    else if (definition.kind === 'gauge') gauges.set(name, new Gauge(common));
    else histograms.set(name, new Histogram({ ...common, buckets: [...(definition.buckets ?? latencyBuckets)] }));
  }
  return {
    increment: (name, labels = {}, by = 1) => counters.get(name)?.inc(labels, by),
    set: (name, value, labels = {}) => gauges.get(name)?.set(labels, value),
    observe: (name, value, labels = {}) => histograms.get(name)?.observe(labels, value),
    onRender: (measure) => void measures.push(measure),
    render() {
      for (const measure of measures) measure();
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}
