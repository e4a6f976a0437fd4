import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchKafkaLibraries, startEmbeddedStack } from '#libs/embedded';
import { createLogger, loadConfig, reasonOf } from '#libs/platform';

export interface TestStack {
  /** What the tests' environment needs to find it. */
  env: Record<string, string>;
  close: () => Promise<void>;
}

/**
 * Kafka and the registry for a test run: the embedded ones, or with TEST_STACK=containers those of docker-compose.yml.
 * A process that tells its parent the environment and runs until the parent lets go of it.
 */
async function main(): Promise<void> {
  const kind = process.env['TEST_STACK'] ?? 'embedded';
  if (kind !== 'embedded' && kind !== 'containers')
    throw new Error(`TEST_STACK is embedded or containers, not ${kind}`);
  const released = new Promise<void>((resolve) => void process.once('disconnect', resolve));
  // Ctrl-C reaches the whole terminal: the parent ends the tests first, then lets go.
  process.on('SIGINT', () => undefined);
  const { env, close } = kind === 'embedded' ? await startEmbedded() : await startContainers();
  process.send?.({ ...env, ...(await libraries()) });
  await released;
  await close();
}

async function startEmbedded(): Promise<TestStack> {
  const { config } = loadConfig({ env: process.env });
  const dataDirectory = await mkdtemp(join(tmpdir(), 'tidemill-stack-'));
  const remove = () => rm(dataDirectory, { recursive: true, force: true });
  try {
    const stack = await startEmbeddedStack({
      config: {
        ...config,
        dataDirectory,
        kafka: { ...config.kafka, embeddedPort: 0 },
        schemaRegistry: { ...config.schemaRegistry, embeddedPort: 0 },
      },
      logger: createLogger('test stack', 'warn'),
      onProgress: progress,
    });
    const env = {
      TIDEMILL__KAFKA__BROKERS: stack.brokers.join(','),
      TIDEMILL__SCHEMAREGISTRY__URL: stack.registryUrl,
    };
    return { env, close: () => stack.close().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function startContainers(): Promise<TestStack> {
  const containers = await import('./containers.ts');
  return containers.startContainers();
}

/** For the tests that kill brokers of their own, whatever the others run on. */
async function libraries(): Promise<Record<string, string>> {
  const name = 'TIDEMILL_TEST_KAFKA_LIBRARIES';
  const { config } = loadConfig({ env: process.env });
  return { [name]: process.env[name] ?? (await fetchKafkaLibraries({ config, onProgress: progress })) };
}

let told = -Infinity;
/** A line every few seconds: a fetch of 150 MB should not look like a standstill. */
function progress(text: string): void {
  if (text === '' || performance.now() - told < 2000) return;
  told = performance.now();
  process.stderr.write(`test stack: ${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`test stack: ${reasonOf(error)}\n`);
  process.exit(1);
});
