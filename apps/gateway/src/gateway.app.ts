import { SwaggerModule } from '@nestjs/swagger';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { ClickHouse } from '#libs/clickhouse';
import { type TopicName, topics } from '#libs/events';
import { type RunningApp, startHttpApp } from '#libs/http';
import { type Clock, type Configuration, type Logger, type Metrics, Readiness } from '#libs/platform';
import type { Stream } from '#libs/stream';
import { Comparisons } from './comparisons/comparisons.ts';
import { Admission } from './edge/admission.ts';
import { Guard } from './edge/guard.ts';
import { acceptStreams, checkMediaType } from './edge/media-types.ts';
import { Upstream } from './edge/upstream.ts';
import { EventClients } from './events/event-clients.ts';
import { EventHub } from './events/event-hub.ts';
import { Pulse } from './events/pulse.ts';
import { recentLatency } from './events/recent-latency.ts';
import { followTopics } from './events/follow-topics.ts';
import { TopicFeed } from './events/topic-feed.ts';
import { GatewayModule, type GatewayParts } from './gateway.module.ts';
import { ModelDirectory } from './models/model-directory.ts';
import { Registry } from './models/registry.ts';
import { protocolErrors } from './open-inference/error-shape.ts';
import { InferenceHealth } from './open-inference/inference-health.ts';
import { openApiDocument } from './openapi/document.ts';
import { serveDashboard } from './operations/dashboard.ts';
import { DeadLetters } from './operations/dead-letters.ts';
import { groupTopics } from './operations/group-topics.ts';
import { Supervision } from './operations/supervision.ts';
import { SystemStatusReader } from './operations/system-status.ts';
import { BatchPredictions } from './predictions/batch-predictions.ts';
import { EffectivePredictions } from './predictions/effective-predictions.ts';
import { inferenceUpstream, Predictor } from './predictions/predictor.ts';
import { Reports } from './reports/reports.ts';
import { AnalystSql } from './sql/analyst-sql.ts';
import { RecordIntake } from './texts/record-intake.ts';

export interface GatewayDependencies {
  config: Configuration;
  logger: Logger;
  clock: Clock;
  metrics: Metrics;
  stream: Stream;
  clickhouse: ClickHouse;
  readiness?: Readiness;
}

/** Longest request body: the surface's 1 MiB and what JSON adds around it. */
const bodyLimit = 1_048_576;

/**
 * Starts the gateway: the HTTP edge of the loop.
 * @throws TidemillError GATEWAY_TOKEN_REQUIRED
 */
export async function createGateway(dependencies: GatewayDependencies): Promise<RunningApp> {
  const { config, logger, metrics, stream, clickhouse } = dependencies;
  const readiness = dependencies.readiness ?? new Readiness();
  const guard = new Guard(config);
  const hub = new EventHub();
  const parts = gatewayParts({ ...dependencies, readiness }, guard, hub);
  const admission = new Admission(
    {
      requests: config.http.maximumRequests,
      bytes: config.http.maximumInFlightMegabytes * 1024 ** 2,
      unknownBytes: bodyLimit,
    },
    metrics,
  );
  const supervision = new Supervision({ stream, clickhouse, readiness, metrics });
  const app = await startHttpApp({
    module: GatewayModule.with(parts.module),
    host: config.http.host,
    port: config.http.port,
    portTaken: 'next',
    logger,
    metrics,
    readiness,
    bodyLimit,
    configure: (nest) => configureEdge(nest, { guard, admission, metrics }),
  });
  supervision.start();
  parts.pulse.start();
  const following = followTopics({ stream, feed: parts.feed, logger, readiness });
  return {
    url: app.url,
    async close() {
      readiness.block('gateway', 'stopping');
      parts.module.eventClients.drain();
      parts.pulse.stop();
      supervision.stop();
      await following.close();
      await app.close();
      await parts.producer.close();
    },
  };
}

function gatewayParts(
  { config, logger, clock, metrics, stream, clickhouse, readiness }: GatewayDependencies & { readiness: Readiness },
  guard: Guard,
  hub: EventHub,
) {
  const inference = inferenceUpstream(config);
  const registry = new Registry(config.retraining.url);
  const monitoring = new Upstream({ name: 'monitoring', urls: config.monitoring.url, deadline: 5000 });
  const directory = new ModelDirectory(registry.upstream, clock);
  const predictor = new Predictor(inference);
  const producer = stream.producer();
  const module: GatewayParts = {
    guard,
    directory,
    registry,
    predictor,
    intake: new RecordIntake({
      send: async (topic, records) => {
        const written = await producer.send(topic, records);
        return written.map(({ partition, offset }) => ({
          topic: prefixed(config, topic),
          partition,
          offset: Number(offset),
        }));
      },
      directory,
      config,
      clock,
      metrics,
    }),
    // A line holds a text and its JSON escapes.
    batches: new BatchPredictions(predictor, 2 * config.stream.maximumTextBytes),
    predictions: new EffectivePredictions(clickhouse, () => directory.names),
    reports: new Reports(clickhouse),
    comparisons: new Comparisons(clickhouse, { registry, inference }, config.retraining.canary),
    analyst: new AnalystSql(clickhouse),
    eventClients: new EventClients(hub, config.http.maximumEventClients),
    inferenceHealth: new InferenceHealth(inference, readiness),
    status: new SystemStatusReader({
      apps: [inference, monitoring, registry.upstream],
      groups: groupTopics,
      lag: async (group, topic) => (await stream.admin.groupLag(group, topic)).total,
      readiness,
    }),
    deadLetters: new DeadLetters(stream.deadLetters),
  };
  const written = async (topic: TopicName) =>
    (await stream.admin.endOffsets(topic)).reduce((sum, { high }) => sum + high, 0n);
  const latency = (since: number) => recentLatency(clickhouse, since);
  const pulse = new Pulse({ hub, written, latency, retraining: registry.upstream, clock, logger });
  return { module, pulse, producer, feed: new TopicFeed(hub, directory) };
}

function prefixed(config: Configuration, topic: TopicName): string {
  return config.kafka.topicPrefix + topics[topic].topic;
}

function configureEdge(
  nest: NestFastifyApplication,
  { guard, admission, metrics }: { guard: Guard; admission: Admission; metrics: Metrics },
): void {
  const fastify = nest.getHttpAdapter().getInstance();
  fastify.addHook('onRequest', async (request, reply) => {
    guard.check(request);
    checkMediaType(request);
    admission.admit(request, reply);
  });
  fastify.addHook('onResponse', async (_request, reply) => {
    metrics.increment('tidemill_http_requests_total');
    metrics.observe('tidemill_http_request_seconds', reply.elapsedTime / 1000);
  });
  acceptStreams(fastify);
  protocolErrors(fastify);
  SwaggerModule.setup('docs', nest, openApiDocument('1'), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
  });
  serveDashboard(fastify);
}
