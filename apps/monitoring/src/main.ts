import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { openClickHouse } from '#libs/clickhouse';
import { createLogger, createMetrics, loadConfig, Readiness, reasonOf, Shutdown, systemClock } from '#libs/platform';
import { connectStream, streamSettings } from '#libs/stream';
import { createMonitoring } from './monitoring.app.ts';

/** Monitoring alone: `node dist/apps/monitoring/src/main.js [--config FILE]`. Kafka, registry and ClickHouse are external. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  const { config } = loadConfig({ file: values.config, env: process.env });
  const logger = createLogger('monitoring', config.log.level);
  const shutdown = new Shutdown(logger);
  shutdown.onSignals((code) => process.exit(code));
  const readiness = new Readiness();
  const services = { logger, clock: systemClock, readiness, metrics: createMetrics({ processMetrics: true }) };
  // A consumer that ended by itself does not come back: the supervisor starts a new process.
  const onFatal = () => void shutdown.run().then(() => process.exit(1));
  const stream = await connectStream({ ...streamSettings(config), ...services, onFatal });
  shutdown.add('stream', () => stream.close());
  const clickhouse = await openClickHouse(config.clickhouse, { dataDirectory: config.dataDirectory, logger });
  shutdown.add('clickhouse', () => clickhouse.close());
  await clickhouse.migrate();
  const monitoring = await createMonitoring({ config, ...services, stream, clickhouse });
  shutdown.add('monitoring', () => monitoring.close());
  logger.info({ url: monitoring.url }, 'monitoring listens');
}

main().catch((error: unknown) => {
  process.stderr.write(`monitoring: ${reasonOf(error)}\n`);
  process.exit(1);
});
