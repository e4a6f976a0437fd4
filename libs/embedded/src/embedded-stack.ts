import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { z } from 'zod';
import { type Configuration, type Logger, machineEnvironment, type MachineEnvironment } from '#libs/platform';
import { apicurioUrl, startApicurio } from './apicurio.ts';
import { readArtifactLock } from './artifacts.ts';
import { lockDirectory } from './directory-lock.ts';
import { embeddedError } from './errors.ts';
import type { GuardedProcess } from './guarded-process.ts';
import { findJava } from './java.ts';
import { startKafka } from './kafka.ts';
import { mavenRepository } from './maven-repository.ts';
import { freePort } from './ports.ts';
import { installApicurio, installKafka, type InstallOptions } from './install.ts';

export interface EmbeddedStackOptions {
  config: Pick<Configuration, 'dataDirectory' | 'kafka' | 'schemaRegistry' | 'java'>;
  logger: Logger;
  /** What is being done, replaced by the next text; an empty one ends it. */
  onProgress?: ((text: string) => void) | undefined;
  /** An engine that was running has ended by itself. Default: it is logged. */
  onFatal?: ((error: Error) => void) | undefined;
  environment?: MachineEnvironment;
}

export interface EmbeddedStack {
  /** Bootstrap brokers, host:port: the embedded one or those of the configuration. */
  brokers: readonly string[];
  /** Base URL of the registry's Confluent API, embedded or configured. */
  registryUrl: string;
  /** Folder of Kafka's jars; undefined when Kafka is external. */
  kafkaLibraries: string | undefined;
  /** Stops Kafka last, then lets go of the data directory. */
  close(): Promise<void>;
}

/**
 * Starts Kafka and the schema registry, each unless the configuration names one, as children on 127.0.0.1 that keep
 * their data in the data directory, and takes that directory for this process.
 *
 *   lock → Java → files → ports → Kafka ∥ registry → ready
 *
 * @throws TidemillError DATA_DIRECTORY_HELD, JAVA_MISSING, JAVA_HOME_UNUSABLE, ARTIFACT_UNREACHABLE, ARTIFACT_ALTERED,
 *   ENGINE_START_FAILED; nothing is left running then.
 */
export async function startEmbeddedStack(options: EmbeddedStackOptions): Promise<EmbeddedStack> {
  const directory = resolve(options.config.dataDirectory);
  await mkdir(directory, { recursive: true });
  const lock = await lockDirectory(directory);
  if ('heldBy' in lock) {
    throw embeddedError('DATA_DIRECTORY_HELD', { detail: `process ${lock.heldBy} has ${directory}` });
  }
  const engines: GuardedProcess[] = [];
  const close = async () => {
    // In the order of `engines`, whichever started first.
    for (const engine of engines.splice(0)) await engine.stop();
    await lock.release();
  };
  try {
    return { ...(await startEngines(options, directory, engines)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startEngines(options: EmbeddedStackOptions, directory: string, engines: GuardedProcess[]) {
  const { config, logger } = options;
  const onProgress = options.onProgress ?? (() => undefined);
  const { kafka, schemaRegistry } = config;
  const external = {
    brokers: kafka.brokers === '' ? undefined : kafka.brokers.split(',').map((broker) => broker.trim()),
    registryUrl: schemaRegistry.url === '' ? undefined : schemaRegistry.url,
  };
  if (external.brokers !== undefined && external.registryUrl !== undefined) {
    return { brokers: external.brokers, registryUrl: external.registryUrl, kafkaLibraries: undefined };
  }
  const environment = options.environment ?? machineEnvironment();
  const java = await findJava(config.java.home, environment, logger);
  const fetching = await installOptions(config, { onProgress, environment });
  const kafkaLibraries = external.brokers === undefined ? await installKafka(fetching) : undefined;
  const application = external.registryUrl === undefined ? await installApicurio(java, fetching) : undefined;
  onProgress('starting Kafka and the schema registry');
  const ports = await choosePorts(config, directory);
  const onDeath = (error: Error) => {
    logger.fatal({ reason: error.message }, 'an embedded engine ended');
    options.onFatal?.(error);
  };
  const common = { java, env: childEnvironment(environment), onDeath };
  const results = await Promise.allSettled([
    application === undefined
      ? undefined
      : startApicurio({
          ...common,
          application,
          directory: join(directory, 'registry'),
          logFile: join(directory, 'logs', 'registry.log'),
          port: ports.registry,
        }),
    kafkaLibraries === undefined
      ? undefined
      : startKafka({
          ...common,
          libraries: kafkaLibraries,
          heapMegabytes: kafka.embeddedHeapMegabytes,
          directory: join(directory, 'kafka'),
          logFile: join(directory, 'logs', 'kafka.log'),
          port: ports.kafka,
          controllerPort: ports.controller,
        }),
  ]);
  for (const result of results)
    if (result.status === 'fulfilled' && result.value !== undefined) engines.push(result.value);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  onProgress('');
  const brokers = external.brokers ?? [`127.0.0.1:${ports.kafka}`];
  const registryUrl = external.registryUrl ?? apicurioUrl(ports.registry);
  logger.info({ brokers, registryUrl, java: java.version }, 'Kafka and the schema registry answer');
  return { brokers, registryUrl, kafkaLibraries };
}

/** Folder of Kafka's jars, for tests that start brokers of their own. Fetched when they are not there. */
export async function fetchKafkaLibraries({
  config,
  onProgress = () => undefined,
  environment = machineEnvironment(),
}: Pick<EmbeddedStackOptions, 'config' | 'environment'> & { onProgress?: (text: string) => void }): Promise<string> {
  return installKafka(await installOptions(config, { onProgress, environment }));
}

async function installOptions(
  { java }: EmbeddedStackOptions['config'],
  { onProgress, environment }: { onProgress: (text: string) => void; environment: MachineEnvironment },
): Promise<InstallOptions> {
  const repository = await mavenRepository(java.mavenRepository, environment.home);
  const lock = await readArtifactLock();
  return { cacheDirectory: environment.cacheDirectory, lock, repository, onProgress };
}

const chosenPorts = z.object({
  /** What was configured then: an earlier choice holds as long as that has not changed. */
  configured: z.object({ kafka: z.number(), registry: z.number() }),
  kafka: z.number(),
  registry: z.number(),
  controller: z.number(),
});
type ChosenPorts = z.infer<typeof chosenPorts>;

/** Those of the last start when they are free, else the configured ones, else the next free ones. */
async function choosePorts(
  { kafka, schemaRegistry }: EmbeddedStackOptions['config'],
  directory: string,
): Promise<ChosenPorts> {
  const path = join(directory, 'ports.json');
  const configured = { kafka: kafka.embeddedPort, registry: schemaRegistry.embeddedPort };
  const earlier = await readPorts(path);
  const before = (part: 'kafka' | 'registry') =>
    earlier?.configured[part] === configured[part] ? [earlier[part]] : [];
  const chosen = { configured, kafka: 0, registry: 0, controller: 0 };
  chosen.kafka = await freePort([...before('kafka'), configured.kafka]);
  do chosen.registry = await freePort([...before('registry'), configured.registry]);
  while (chosen.registry === chosen.kafka);
  chosen.controller = await freePort([...(earlier === undefined ? [] : [earlier.controller]), 0]);
  await writeFile(path, `${JSON.stringify(chosen)}\n`);
  return chosen;
}

async function readPorts(path: string): Promise<ChosenPorts | undefined> {
  try {
    return chosenPorts.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

function childEnvironment({ path, home }: MachineEnvironment): Record<string, string> {
  // One malloc arena per thread would cost the Java processes tens of megabytes each.
  return { PATH: path.join(delimiter), HOME: home, MALLOC_ARENA_MAX: '2' };
}
