import 'reflect-metadata';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openClickHouse } from '#libs/clickhouse';
import { createLogger, createMetrics, loadConfig, Readiness, reasonOf, Shutdown, systemClock } from '#libs/platform';
import { connectStream, streamSettings } from '#libs/stream';
import { built } from './built.ts';

/** Monitoring and the gateway as they were built, with the embedded ClickHouse they share: a process to be killed. */

type Built = {
  monitoring: typeof import('../../apps/monitoring/src/monitoring.app.ts');
  gateway: typeof import('../../apps/gateway/src/gateway.app.ts');
};

async function main(): Promise<void> {
  const { config } = loadConfig({ env: process.env });
  const { dataDirectory } = config;
  mkdirSync(dataDirectory, { recursive: true });
  writeFileSync(join(dataDirectory, 'token'), 'sesame\n', { mode: 0o600 });
  const logger = createLogger('tables', config.log.level);
  const shutdown = new Shutdown(logger);
  shutdown.onSignals((code) => process.exit(code));
  process.on('disconnect', () => process.exit(1));
  const onFatal = () => void shutdown.run().then(() => process.exit(1));
  const services = () => ({ logger, clock: systemClock, readiness: new Readiness(), metrics: createMetrics() });
  const clickhouse = await openClickHouse(config.clickhouse, { dataDirectory, logger, lockPatience: 30_000 });
  await clickhouse.migrate();
  const open = async () => {
    const own = services();
    const stream = await connectStream({ ...streamSettings(config), ...own, onFatal });
    return { config, ...own, stream, clickhouse };
  };
  const { createMonitoring } = await built<Built['monitoring']>('apps/monitoring/src/monitoring.app.js');
  const { createGateway } = await built<Built['gateway']>('apps/gateway/src/gateway.app.js');
  await createMonitoring(await open());
  const { url } = await createGateway(await open());
  logger.info({ url }, 'tables listen');
}

main().catch((error: unknown) => {
  process.stderr.write(`tables: ${reasonOf(error)}\n`);
  process.exit(1);
});
