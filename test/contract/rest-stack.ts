import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGateway } from '../../apps/gateway/src/gateway.app.ts';
import { startGateway, startServices } from '../../apps/standalone/src/services.ts';
import { type ClickHouse, openClickHouse } from '#libs/clickhouse';
import { topics } from '#libs/events';
import {
  type Configuration,
  createMetrics,
  loadConfig,
  newId,
  Readiness,
  reasonOf,
  Shutdown,
  silentLogger,
  systemClock,
} from '#libs/platform';
import { connectStream, type Stream, streamSettings } from '#libs/stream';

export interface RestStack extends AsyncDisposable {
  url: string;
  config: Configuration;
  stream: Stream;
  clickhouse: ClickHouse;
}

/** A gateway on real Kafka, registry and ClickHouse, everything of its own: topic prefix, data directory, port.
 * A process has one embedded database: a second gateway works `beside` the first. */
export function startRestStack(overrides: Record<string, unknown> = {}, beside?: RestStack): Promise<RestStack> {
  return start(overrides, beside, async ({ config, stream, clickhouse, shutdown }) => {
    const services = { logger: silentLogger, metrics: createMetrics(), clock: systemClock, readiness: new Readiness() };
    const gateway = await createGateway({ config, ...services, stream, clickhouse });
    shutdown.add('gateway', () => gateway.close());
    return { url: gateway.url, config };
  });
}

/** The same with retraining, inference and monitoring behind the gateway, as `npm start` has them. */
export function startRestLoop(overrides: Record<string, unknown> = {}): Promise<RestStack> {
  const ports = { 'retraining.port': 0, 'inference.port': 0, 'monitoring.port': 0 };
  return start({ ...ports, ...overrides }, undefined, async ({ config: given, clickhouse, shutdown }) => {
    const failed = (service: string, error: Error) => process.emitWarning(`${service}: ${reasonOf(error)}`);
    const streams = streamSettings(given);
    const common = { clickhouse, streams, shutdown, logger: silentLogger, clock: systemClock, onFatal: failed };
    const config = await startServices({ config: given, ...common });
    const gateway = await startGateway({ config, ...common });
    return { url: gateway.url, config };
  });
}

interface Parts {
  config: Configuration;
  stream: Stream;
  clickhouse: ClickHouse;
  shutdown: Shutdown;
}

async function start(
  overrides: Record<string, unknown>,
  beside: RestStack | undefined,
  run: (parts: Parts) => Promise<Pick<RestStack, 'url' | 'config'>>,
): Promise<RestStack> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemill-rest-'));
  const shutdown = new Shutdown(silentLogger);
  shutdown.add('directory', () => rm(directory, { recursive: true, force: true }));
  const settings = {
    dataDirectory: directory,
    'http.port': 0,
    'kafka.topicPrefix': `rest-${newId().slice(0, 8)}-`,
    ...overrides,
  };
  try {
    const { config } = loadConfig({ env: process.env, overrides: settings });
    const services = { logger: silentLogger, metrics: createMetrics(), clock: systemClock };
    const stream = await connectStream({ ...streamSettings(config), ...services, readiness: new Readiness() });
    shutdown.add('stream', () => stream.close());
    await stream.admin.applyTopics(Object.values(topics));
    await stream.admin.registerSchemas(Object.values(topics));
    const clickhouse =
      beside?.clickhouse ??
      (await openClickHouse(config.clickhouse, { dataDirectory: directory, logger: silentLogger }));
    if (beside === undefined) shutdown.add('clickhouse', () => clickhouse.close());
    await clickhouse.migrate();
    const running = await run({ config, stream, clickhouse, shutdown });
    return { ...running, stream, clickhouse, [Symbol.asyncDispose]: () => shutdown.run() };
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}
