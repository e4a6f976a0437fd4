import type { ClickHouse } from '#libs/clickhouse';
import type { DriftReport, PerformanceReport } from '#libs/events';
import { type Clock, type Configuration, loadConfig, type Logger, type Metrics } from '#libs/platform';
import type { Pipeline, Stream } from '#libs/stream';
import { MonitoringPipeline } from '../monitoring.pipeline.ts';
import { ModelMonitors, monitoringGroup } from '../windows/model-monitors.ts';
import { perHour } from './made-up-hours.ts';

export interface InstanceOptions {
  stream: Stream;
  clickhouse: ClickHouse;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  /** What instances say, in order. */
  said: { drift: DriftReport[]; performance: PerformanceReport[]; inOrder?: (DriftReport | PerformanceReport)[] };
}

export interface Instance extends AsyncDisposable {
  monitors: ModelMonitors;
  pipeline: Pipeline;
}

/** Monitoring without its HTTP surface, as one process would be. */
export async function openInstance({ said, ...services }: InstanceOptions): Promise<Instance> {
  const producer = services.stream.producer();
  const monitors = new ModelMonitors({
    ...services,
    admin: services.stream.admin,
    config: monitoringConfig(),
    publishDrift: async (value) => {
      said.drift.push(value);
      said.inOrder?.push(value);
      await producer.send('drift-reports', [{ key: value.model, value }]);
    },
    publishPerformance: async (value) => {
      said.performance.push(value);
      said.inOrder?.push(value);
      await producer.send('performance-reports', [{ key: value.model, value }]);
    },
  });
  monitors.start();
  const pipeline = await new MonitoringPipeline({ ...services, monitors }).start();
  return {
    monitors,
    pipeline,
    async [Symbol.asyncDispose]() {
      await pipeline.close();
      await monitors.close();
    },
  };
}

/** Windows of one hour of `made-up-hours`, four of them the reference. */
export function monitoringConfig(): Configuration['monitoring'] {
  const { monitoring } = loadConfig({ env: {} }).config;
  return {
    ...monitoring,
    window: { ...monitoring.window, minimumTexts: perHour, idleTimeout: '1h' },
    reference: { texts: 4 * perHour },
    performance: { ...monitoring.performance, rollingLabels: perHour },
  };
}

const topics = ['texts', 'predictions', 'labels', 'drift-reports', 'performance-reports'] as const;

/** Everything produced so far is stored, and looked at by these instances. */
export async function settled({ admin }: Stream, ...instances: readonly Instance[]): Promise<void> {
  for (;;) {
    const lags = await Promise.all(topics.map((topic) => admin.groupLag(monitoringGroup, topic)));
    if (lags.every(({ total }) => total === 0) && instances.every(({ monitors }) => monitors.idle)) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
