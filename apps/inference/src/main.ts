import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { createLogger, createMetrics, loadConfig, Readiness, reasonOf, Shutdown, systemClock } from '#libs/platform';
import { connectStream, streamSettings } from '#libs/stream';
import { createInference } from './inference.app.ts';

/** Inference alone: `node dist/apps/inference/src/main.js [--config FILE]`. Kafka and registry are external. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  const { config } = loadConfig({ file: values.config, env: process.env });
  const logger = createLogger('inference', config.log.level);
  const shutdown = new Shutdown(logger);
  shutdown.onSignals((code) => process.exit(code));
  const readiness = new Readiness();
  const services = { logger, clock: systemClock, readiness, metrics: createMetrics({ processMetrics: true }) };
  // A consumer that ended by itself does not come back: the supervisor starts a new process.
  const onFatal = () => void shutdown.run().then(() => process.exit(1));
  const stream = await connectStream({ ...streamSettings(config), ...services, onFatal });
  shutdown.add('stream', () => stream.close());
  const inference = await createInference({ config, ...services, stream });
  shutdown.add('inference', () => inference.close());
  logger.info({ url: inference.url }, 'inference listens');
}

main().catch((error: unknown) => {
  process.stderr.write(`inference: ${reasonOf(error)}\n`);
  process.exit(1);
});
