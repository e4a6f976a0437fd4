import { hostname } from 'node:os';
import { join } from 'node:path';
import { type TopicName, topics } from '#libs/events';
import { type RunningApp, startHttpApp } from '#libs/http';
import {
  type Clock,
  type Configuration,
  configurationError,
  type Logger,
  type Metrics,
  milliseconds,
  Readiness,
  tooManyThreads,
} from '#libs/platform';
import { HostLauncher } from '#libs/model';
import { ArtifactStore, createMaterialise, versionSigning } from '#libs/registry';
import { PipelineTransport, type Stream } from '#libs/stream';
import { InferenceModule } from './inference.module.ts';
import { InferencePipeline } from './inference.pipeline.ts';
import { ModelSlots } from './model-slots.ts';
import { ModelVersionConsumer } from './model-version.consumer.ts';
import { ServingStatusReporter } from './serving-status.reporter.ts';
import { VersionHosts } from './version-hosts.ts';

export interface InferenceDependencies {
  config: Configuration;
  logger: Logger;
  clock: Clock;
  metrics: Metrics;
  stream: Stream;
  readiness?: Readiness;
}

const topicsUsed: readonly TopicName[] = ['texts', 'predictions', 'model-versions', 'serving-status'];

/**
 * Starts inference: texts in, predictions out, and the same models for synchronous requests.
 *
 *   port → topics there → version log read to its end, versions loaded or tried → consuming
 */
export async function createInference(dependencies: InferenceDependencies): Promise<RunningApp> {
  const { config, logger, clock, metrics, stream } = dependencies;
  const readiness = dependencies.readiness ?? new Readiness();
  const { host, port } = config.inference;
  const problem = tooManyThreads(config.inference);
  if (problem !== undefined) throw configurationError('CONFIGURATION_INVALID', { detail: problem });
  const instance = config.inference.instance === '' ? `${hostname()}:${port}` : config.inference.instance;
  const launcher = new HostLauncher();
  const producer = stream.producer();
  // One of its own: answers for comparison never stand before those that are waited for.
  const shadowProducer = stream.producer();
  const materialise = createMaterialise({
    store: new ArtifactStore(join(config.dataDirectory, 'artifacts')),
    registryUrl: () => config.retraining.url,
  });
  const status = new ServingStatusReporter({
    instance,
    publish: async (value) => {
      await producer.send('serving-status', [{ key: `${instance}/${value.model}`, value }]);
    },
    clock,
    metrics,
    logger,
  });
  const slots = new ModelSlots({
    config: config.inference,
    materialise,
    onProgress: (progress) => {
      status.onProgress(progress);
      const { model } = progress.event;
      if (progress.state === 'stale') readiness.block(`model ${model}`, progress.error ?? '');
      if (progress.state === 'serving') readiness.clear(`model ${model}`);
    },
    startHost: launcher.start,
    publishShadows: async (predictions) => {
      const records = predictions.map((value) => ({ key: value.textId, value }));
      await shadowProducer.send('predictions', records);
    },
    logger,
    metrics,
    clock,
  });
  const versions = new VersionHosts(config, { materialise, start: launcher.start, budget: slots.budget });
  const { verifier } = versionSigning(config.signing);
  const versionEvents = new ModelVersionConsumer({
    stream,
    slots,
    verifier,
    maximumSilence: milliseconds(config.inference.maximumStaleness),
    onSilence: (reason) => {
      slots.outOfTouch = reason;
      if (reason === undefined) readiness.clear('version log');
      else readiness.block('version log', reason);
    },
    logger,
    metrics,
    clock,
  });
  const pipeline = new InferencePipeline({
    ...dependencies,
    producer,
    slots,
    versions: versionEvents,
    status,
  });
  readiness.block('model versions', 'being read');
  const strategy = new PipelineTransport([
    async () => {
      const onWaiting = (reason: string) => {
        readiness.block('topics', reason);
        logger.warn({ reason }, 'waiting');
      };
      const used = topicsUsed.map((topic) => topics[topic]);
      await stream.admin.waitForTopics(used, { onWaiting });
      await stream.admin.registerSchemas(used);
      readiness.clear('topics');
      return { close: () => Promise.resolve() };
    },
    async () => {
      await versionEvents.start();
      readiness.clear('model versions');
      return versionEvents;
    },
    () => pipeline.start(),
  ]);
  const app = await startHttpApp({
    module: InferenceModule.with({ config, readiness, slots, versions, versionEvents, status }),
    host,
    port,
    logger,
    metrics,
    readiness,
    strategy,
    readyDetails: () => ({ devices: status.devices, notServing: status.notServing }),
    // A thousand texts of the longest kind a model takes, as JSON.
    bodyLimit: 16 * 1024 ** 2,
  });
  return {
    url: app.url,
    async close() {
      readiness.block('inference', 'stopping');
      await app.close();
      await status.flushed();
      await versions.close();
      await slots.close();
      launcher[Symbol.dispose]();
      await shadowProducer.close();
      await producer.close();
    },
  };
}
