import type { ClickHouse } from '#libs/clickhouse';
import { topics } from '#libs/events';
import { type RunningApp, startHttpApp } from '#libs/http';
import { type Clock, type Configuration, type Logger, type Metrics, Readiness } from '#libs/platform';
import { PipelineTransport, type Stream } from '#libs/stream';
import { MonitoringModule } from './monitoring.module.ts';
import { MonitoringPipeline } from './monitoring.pipeline.ts';
import { followDeadLetters } from './sink/dead-letter.sink.ts';
import { ModelMonitors } from './windows/model-monitors.ts';

export interface MonitoringDependencies {
  config: Configuration;
  logger: Logger;
  clock: Clock;
  metrics: Metrics;
  stream: Stream;
  clickhouse: ClickHouse;
  readiness?: Readiness;
}

/**
 * Starts monitoring: every event into ClickHouse, windows and labels into reports.
 *
 *   port → topics there → consuming → monitors resumed from the tables
 */
export async function createMonitoring(dependencies: MonitoringDependencies): Promise<RunningApp> {
  const { config, logger, metrics, stream, clickhouse } = dependencies;
  const readiness = dependencies.readiness ?? new Readiness();
  const producer = stream.producer();
  const monitors = new ModelMonitors({
    ...dependencies,
    admin: stream.admin,
    config: config.monitoring,
    publishDrift: async (value) => void (await producer.send('drift-reports', [{ key: value.model, value }])),
    publishPerformance: async (value) =>
      void (await producer.send('performance-reports', [{ key: value.model, value }])),
  });
  const pipeline = new MonitoringPipeline({ stream, clickhouse, monitors, metrics });
  const stop = new AbortController();
  const strategy = new PipelineTransport([
    async () => {
      const onWaiting = (reason: string) => {
        readiness.block('topics', reason);
        logger.warn({ reason }, 'waiting');
      };
      await stream.admin.waitForTopics(Object.values(topics), { onWaiting, signal: stop.signal });
      await stream.admin.registerSchemas(Object.values(topics));
      readiness.clear('topics');
      monitors.start();
      return monitors;
    },
    () => pipeline.start(),
    () => followDeadLetters(stream, clickhouse),
  ]);
  const { host, port } = config.monitoring;
  const module = MonitoringModule.with({ monitors, readiness });
  const app = await startHttpApp({ module, host, port, logger, metrics, readiness, strategy });
  return {
    url: app.url,
    async close() {
      readiness.block('monitoring', 'stopping');
      stop.abort();
      await app.close();
      await producer.close();
    },
  };
}
