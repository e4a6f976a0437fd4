import { join } from 'node:path';
import type { ClickHouse } from '#libs/clickhouse';
import { type TopicName, topics } from '#libs/events';
import { type RunningApp, startHttpApp } from '#libs/http';
import { type Clock, type Configuration, type Logger, type Metrics, newId, Readiness } from '#libs/platform';
import { ArtifactStore, Registry, versionSigning } from '#libs/registry';
import { PipelineTransport, type Stream } from '#libs/stream';
import { DecisionLog } from './decisions/decision-log.ts';
import { Schedule } from './decisions/schedule.ts';
import { Triggers } from './decisions/triggers.ts';
import { acceptUploads } from './registry/registry.providers.ts';
import { RetrainingModule, WaitingModule } from './retraining.module.ts';
import { Progress } from './workflow/progress.ts';
import { RequestQueue } from './workflow/request-queue.ts';
import { RetrainingWorkflow } from './workflow/retraining.workflow.ts';

export interface RetrainingDependencies {
  config: Configuration;
  logger: Logger;
  clock: Clock;
  metrics: Metrics;
  stream: Stream;
  clickhouse: ClickHouse;
  readiness?: Readiness;
}

const topicsUsed: readonly TopicName[] = [
  'texts',
  'labels',
  'drift-reports',
  'performance-reports',
  'retraining-requests',
  'trigger-decisions',
  'registry-events',
  'model-versions',
];

/**
 * Starts retraining: the registry, the decisions and the workflow.
 *
 *   topics there → registry replayed → port → requests that were not ended → deciding
 *
 * The port is open before the topics are there, too, and says what is waited for.
 */
export async function createRetraining(dependencies: RetrainingDependencies): Promise<RunningApp> {
  const { config, logger, clock, metrics, stream, clickhouse } = dependencies;
  const readiness = dependencies.readiness ?? new Readiness();
  await untilTopics({ ...dependencies, readiness });
  await stream.admin.registerSchemas(topicsUsed.map((topic) => topics[topic]));
  const registry = await Registry.open({ stream, clock, logger, newId, signing: versionSigning(config.signing) });
  const store = new ArtifactStore(join(config.dataDirectory, 'artifacts'));
  await store.sweepTemporary(clock.now());
  const progress = new Progress();
  const shared = { clickhouse, registry, store, config, logger, metrics };
  const workflow = new RetrainingWorkflow({ ...shared, stream, progress });
  const queue = new RequestQueue({ stream, registry, workflow, logger });
  const log = new DecisionLog(stream);
  const triggers = new Triggers({ ...shared, stream, log, queue, clock });
  const { schedule: expression } = config.retraining.triggers;
  const schedule = new Schedule({ expression, registry, queue, log, clock, logger });
  readiness.block('requests', 'being read');
  const strategy = new PipelineTransport([
    async () => {
      await log.start();
      await queue.start();
      await schedule.start();
      readiness.clear('requests');
      return { close: () => (schedule.close(), queue.close()) };
    },
    async () => {
      await triggers.start();
      return triggers;
    },
  ]);
  const { host, port } = config.retraining;
  const module = RetrainingModule.with({ config, registry, store, log, queue, triggers, progress, clock, readiness });
  const app = await startHttpApp({
    module,
    host,
    port,
    logger,
    metrics,
    readiness,
    strategy,
    configure: (nest) => acceptUploads(nest.getHttpAdapter().getInstance()),
  });
  return {
    url: app.url,
    async close() {
      readiness.block('retraining', 'stopping');
      await app.close();
      await log.close();
      await registry.close();
    },
  };
}

async function untilTopics({
  config,
  logger,
  metrics,
  stream,
  readiness,
}: RetrainingDependencies & { readiness: Readiness }): Promise<void> {
  const { host, port } = config.retraining;
  let waiting: Promise<RunningApp> | undefined;
  await stream.admin.waitForTopics(
    topicsUsed.map((topic) => topics[topic]),
    {
      onWaiting(reason) {
        readiness.block('topics', reason);
        logger.warn({ reason }, 'waiting');
        waiting ??= startHttpApp({ module: WaitingModule, host, port, logger, metrics, readiness });
        // A port that cannot be had is said below, when it is needed.
        waiting.catch(() => undefined);
      },
    },
  );
  await (await waiting)?.close();
  readiness.clear('topics');
}
