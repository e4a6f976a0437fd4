import { type ClickHouse, openClickHouse } from '#libs/clickhouse';
import { startEmbeddedStack } from '#libs/embedded';
import { topics } from '#libs/events';
import { type Clock, type Configuration, createMetrics, type Logger, type Shutdown } from '#libs/platform';
import { connectStream, type ConnectStreamOptions, streamSettings } from '#libs/stream';
import type { Story } from './story/story.ts';

export interface EngineOptions {
  config: Configuration;
  story: Story;
  logger: Logger;
  clock: Clock;
  shutdown: Shutdown;
  /** Kafka or the registry has ended by itself. */
  onFatal: (service: string, error: Error) => void;
}

export interface Engines {
  clickhouse: ClickHouse;
  /** Where Kafka and the registry are, and how they are spoken to. */
  streams: Omit<ConnectStreamOptions, 'logger' | 'metrics' | 'clock' | 'readiness' | 'onFatal'>;
}

/** Starts what is not configured elsewhere, then brings topics, schemas and tables up to date. */
export async function startEngines(options: EngineOptions): Promise<Engines> {
  const { story } = options;
  const { streams } = await story.stage('Kafka and schema registry', () => startKafka(options));
  const { clickhouse } = await story.stage('ClickHouse', () => startClickHouse(options));
  await story.stage('topics and schemas', () => prepareTopics(options, streams));
  return { clickhouse, streams };
}

async function startKafka({ config, story, logger, shutdown, onFatal }: EngineOptions) {
  const stack = await startEmbeddedStack({
    config,
    logger,
    onProgress: (text) => story.progress(text),
    onFatal: (error) => onFatal('the embedded stack', error),
  });
  shutdown.add('Kafka and the schema registry', () => stack.close());
  const streams = streamSettings(config, stack);
  return { streams, said: `Kafka ${streams.brokers.join(', ')}, schema registry ${streams.registryUrl}` };
}

async function startClickHouse({ config, logger, shutdown }: EngineOptions) {
  const clickhouse = await openClickHouse(config.clickhouse, { dataDirectory: config.dataDirectory, logger });
  shutdown.add('ClickHouse', () => clickhouse.close());
  const { version } = await clickhouse.migrate();
  return { clickhouse, said: `ClickHouse (${clickhouse.deployment}), tables at migration ${version}` };
}

async function prepareTopics({ logger, clock }: EngineOptions, streams: Engines['streams']) {
  const stream = await connectStream({ ...streams, logger, clock, metrics: createMetrics() });
  try {
    const definitions = Object.values(topics);
    const reports = await stream.admin.applyTopics(definitions);
    for (const { topic, problems } of reports) if (problems.length > 0) logger.warn({ topic, problems }, 'topic');
    const schemas = await stream.admin.registerSchemas(definitions);
    const created = reports.filter(({ state }) => state === 'created').length;
    return { said: `${reports.length} topics${created > 0 ? ` (${created} new)` : ''}, ${schemas.size} schemas` };
  } finally {
    await stream.close();
  }
}
