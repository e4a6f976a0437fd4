import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { openClickHouse } from '#libs/clickhouse';
import { topics } from '#libs/events';
import { createLogger, createMetrics, loadConfig, Readiness, reasonOf, Shutdown, systemClock } from '#libs/platform';
import { connectStream, streamSettings } from '#libs/stream';
import { createGateway } from './gateway.app.ts';

/** The gateway alone: `node dist/apps/gateway/src/main.js [--config FILE]`. Kafka, registry and ClickHouse are external. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  const { config } = loadConfig({ file: values.config, env: process.env });
  const logger = createLogger('gateway', config.log.level);
  const shutdown = new Shutdown(logger);
  shutdown.onSignals((code) => process.exit(code));
  const metrics = createMetrics({ processMetrics: true });
  const readiness = new Readiness();
  const services = { logger, metrics, clock: systemClock, readiness };
  const stream = await connectStream({ ...streamSettings(config), ...services });
  shutdown.add('stream', () => stream.close());
  const clickhouse = await openClickHouse(config.clickhouse, { dataDirectory: config.dataDirectory, logger });
  shutdown.add('clickhouse', () => clickhouse.close());
  readiness.block('kafka', 'not reached yet');
  const gateway = await createGateway({ config, ...services, stream, clickhouse });
  shutdown.add('gateway', () => gateway.close());
  logger.info({ url: gateway.url }, 'the gateway listens');
  await stream.admin.waitForTopics(Object.values(topics), {
    onWaiting: (reason) => {
      readiness.block('topics', reason);
      logger.warn({ reason }, 'waiting');
    },
  });
  readiness.clear('topics');
  await stream.admin.registerSchemas(Object.values(topics));
}

main().catch((error: unknown) => {
  process.stderr.write(`gateway: ${reasonOf(error)}\n`);
  process.exit(1);
});
