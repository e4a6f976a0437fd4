import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGateway } from '../../apps/gateway/src/gateway.app.ts';
import { type ClickHouse, openClickHouse } from '#libs/clickhouse';
import { topics } from '#libs/events';
import {
  type Configuration,
  createMetrics,
  loadConfig,
  newId,
  Readiness,
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
export async function startRestStack(overrides: Record<string, unknown> = {}, beside?: RestStack): Promise<RestStack> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemill-rest-'));
  const { config } = loadConfig({
    env: process.env,
    overrides: {
      dataDirectory: directory,
      'http.port': 0,
      'kafka.topicPrefix': `rest-${newId().slice(0, 8)}-`,
      ...overrides,
    },
  });
  const metrics = createMetrics();
  const readiness = new Readiness();
  const services = { logger: silentLogger, metrics, clock: systemClock, readiness };
  const stream = await connectStream({ ...streamSettings(config), ...services });
  await stream.admin.applyTopics(Object.values(topics));
  await stream.admin.registerSchemas(Object.values(topics));
  const clickhouse =
    beside?.clickhouse ?? (await openClickHouse(config.clickhouse, { dataDirectory: directory, logger: silentLogger }));
  await clickhouse.migrate();
  const release = async () => {
    await stream.close();
    if (beside === undefined) await clickhouse.close();
    await rm(directory, { recursive: true, force: true });
  };
  const gateway = await createGateway({ config, ...services, stream, clickhouse }).catch(async (error: unknown) => {
    await release();
    throw error;
  });
  return {
    url: gateway.url,
    config,
    stream,
    clickhouse,
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await release();
    },
  };
}
