/**
 * Starts Kafka and the schema registry by hand and prints how to reach them, as lines of a shell:
 *
 *   node --conditions=tidemill-source libs/embedded/scripts/start.ts DIRECTORY
 *
 * Runs until Ctrl-C or SIGTERM. Ports are free ones unless the directory has been used before.
 */
import { createLogger, loadConfig } from '#libs/platform';
import { startEmbeddedStack } from '../src/index.ts';

const [dataDirectory = '.tidemill'] = process.argv.slice(2);
const { config } = loadConfig({ env: process.env });
const stack = await startEmbeddedStack({
  config: {
    ...config,
    dataDirectory,
    kafka: { ...config.kafka, brokers: '', embeddedPort: 0 },
    schemaRegistry: { ...config.schemaRegistry, url: '', embeddedPort: 0 },
  },
  logger: createLogger('embedded', 'warn'),
  onProgress: (text) => process.stderr.write(`${text}\n`),
  onFatal: () => process.exit(1),
});
console.log(`export TIDEMILL__KAFKA__BROKERS=${stack.brokers.join(',')}`);
console.log(`export TIDEMILL__SCHEMAREGISTRY__URL=${stack.registryUrl}`);
console.log(`export TIDEMILL_TEST_KAFKA_LIBRARIES=${stack.kafkaLibraries ?? ''}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stack.close());
