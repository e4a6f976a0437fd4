import { type TopicName, topics } from '#libs/events';
import { createMetrics, loadConfig, type Metrics, newId, Readiness, silentLogger, systemClock } from '#libs/platform';
import { connectStream, type ConnectStreamOptions, type DecodedBatch, type Stream, streamSettings } from '#libs/stream';

export interface TestStream extends AsyncDisposable {
  stream: Stream;
  options: ConnectStreamOptions;
  topicPrefix: string;
  metrics: Metrics;
  readiness: Readiness;
  /** What `onFatal` was called with. */
  fatal: Error[];
}

/** Where the tests' Kafka and registry are; the environment names them as it does for the services. */
export function testKafka(): { brokers: readonly string[]; registryUrl: string } {
  const { brokers, registryUrl } = streamSettings(loadConfig({ env: process.env }).config);
  if (brokers.length === 0 || registryUrl === '') throw new Error('no Kafka for tests: see test/support/stack.ts');
  return { brokers, registryUrl };
}

export interface TestStreamOptions extends Partial<ConnectStreamOptions> {
  /** Topics to be created and registered; default: all. */
  create?: readonly TopicName[];
}

/** A stream of its own prefix on real Kafka, with short time-outs. */
export async function openTestStream({ create, ...overrides }: TestStreamOptions = {}): Promise<TestStream> {
  const topicPrefix = overrides.topicPrefix ?? `test-${newId().slice(0, 8)}-`;
  const fatal: Error[] = [];
  const metrics = overrides.metrics ?? createMetrics();
  const readiness = overrides.readiness ?? new Readiness();
  const options = {
    ...(overrides.brokers === undefined ? testKafka() : { brokers: [], registryUrl: '' }),
    logger: silentLogger,
    clock: systemClock,
    metrics,
    readiness,
    clientId: 'test',
    topicPrefix,
    sessionTimeout: 6000,
    heartbeatInterval: 500,
    onFatal: (error: Error) => fatal.push(error),
    ...overrides,
  };
  const stream = await connectStream(options);
  const definitions = Object.values(topics).filter(({ topic }) => create === undefined || create.includes(topic));
  await stream.admin.applyTopics(definitions);
  await stream.admin.registerSchemas(definitions);
  return { stream, options, topicPrefix, metrics, readiness, fatal, [Symbol.asyncDispose]: () => stream.close() };
}

/** Consumes texts until `count` records have come, then leaves. */
export async function consumeTexts(stream: Stream, { groupId, count }: { groupId: string; count: number }) {
  const batches: DecodedBatch<'texts'>[] = [];
  let seen = 0;
  const done = Promise.withResolvers<void>();
  const pipeline = await stream.consume({
    groupId,
    topics: ['texts'],
    rejects: 'skip',
    handleBatch: async (batch) => {
      batches.push(batch);
      seen += batch.messages.length;
      if (seen >= count) done.resolve();
    },
  });
  await done.promise;
  await pipeline.close();
  return batches;
}
