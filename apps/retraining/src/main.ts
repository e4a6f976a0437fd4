import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { openClickHouse } from '#libs/clickhouse';
import { createLogger, createMetrics, loadConfig, Readiness, reasonOf, Shutdown, systemClock } from '#libs/platform';
import { connectStream, streamSettings } from '#libs/stream';
import { createRetraining } from './retraining.app.ts';

/** Retraining alone: `node dist/apps/retraining/src/main.js [--config FILE]`. Kafka, registry and ClickHouse are external. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  const { config } = loadConfig({ file: values.config, env: process.env });
  const logger = createLogger('retraining', config.log.level);
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
  const retraining = await createRetraining({ config, ...services, stream, clickhouse });
  shutdown.add('retraining', () => retraining.close());
  logger.info({ url: retraining.url }, 'retraining listens');
}

main().catch((error: unknown) => {
  process.stderr.write(`retraining: ${reasonOf(error)}\n`);
  process.exit(1);
});
