import { mkdir } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { type Configuration, type Logger, machineEnvironment, type MachineEnvironment, reasonOf } from '#libs/platform';
import { apicurioUrl, startApicurio } from './apicurio.ts';
import { readArtifactLock } from './artifact-lock.ts';
import { lockDirectory } from './directory-lock.ts';
import type { Engine } from './engine.ts';
import { embeddedError } from './errors.ts';
import type { GuardedProcess } from './guarded-process.ts';
import { findJava } from './java.ts';
import { startKafka } from './kafka.ts';
import { mavenRepository } from './maven-repository.ts';
import { type ChosenPorts, choosePorts } from './ports.ts';
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
  const java = await findJava(config.java.home, environment, { logger, onProgress });
  const install = await installOptions(config, { onProgress, environment });
  const libraries = external.brokers === undefined ? await installKafka(install) : undefined;
  const application = external.registryUrl === undefined ? await installApicurio(java, install) : undefined;
  onProgress('starting Kafka and the schema registry');
  const onDeath = (error: Error) => {
    logger.fatal({ reason: error.message }, 'an embedded engine ended');
    options.onFatal?.(error);
  };
  const launch = { config, directory, libraries, application, java, env: childEnvironment(environment), onDeath };
  const ports = await launchOnFreePorts(launch, engines);
  onProgress('');
  const brokers = external.brokers ?? [`127.0.0.1:${ports.kafka}`];
  const registryUrl = external.registryUrl ?? apicurioUrl(ports.registry);
  logger.info({ brokers, registryUrl, java: java.version }, 'Kafka and the schema registry answer');
  return { brokers, registryUrl, kafkaLibraries: libraries };
}

interface Launch extends Pick<Engine, 'java' | 'env' | 'onDeath'> {
  config: EmbeddedStackOptions['config'];
  /** The data directory, absolute. */
  directory: string;
  /** Kafka's jars; undefined: no Kafka. */
  libraries: string | undefined;
  /** The unpacked registry; undefined: none. */
  application: string | undefined;
}

const attempts = 3;

/** A free port may be taken by the time it is bound: then others are chosen. */
async function launchOnFreePorts(launch: Launch, engines: GuardedProcess[]): Promise<ChosenPorts> {
  const { kafka, schemaRegistry } = launch.config;
  const configured = { kafka: kafka.embeddedPort, registry: schemaRegistry.embeddedPort };
  for (let attempt = 1; ; attempt++) {
    const ports = await choosePorts(configured, launch.directory);
    const results = await Promise.allSettled([launchRegistry(launch, ports), launchKafka(launch, ports)]);
    for (const result of results) {
      if (result.status === 'fulfilled' && result.value !== undefined) engines.push(result.value);
    }
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return ports;
    const portTaken = /already in use|seems to be in use/i.test(reasonOf(failed.reason));
    if (!portTaken || attempt === attempts) throw failed.reason;
    for (const engine of engines.splice(0)) await engine.stop();
  }
}

async function launchRegistry({ application, directory, ...launch }: Launch, ports: ChosenPorts) {
  if (application === undefined) return undefined;
  return startApicurio({
    ...launch,
    application,
    directory: join(directory, 'registry'),
    logFile: join(directory, 'logs', 'registry.log'),
    port: ports.registry,
  });
}

async function launchKafka({ libraries, directory, config, ...launch }: Launch, ports: ChosenPorts) {
  if (libraries === undefined) return undefined;
  return startKafka({
    ...launch,
    libraries,
    heapMegabytes: config.kafka.embeddedHeapMegabytes,
    directory: join(directory, 'kafka'),
    logFile: join(directory, 'logs', 'kafka.log'),
    port: ports.kafka,
    controllerPort: ports.controller,
  });
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

function childEnvironment({ path, home }: MachineEnvironment): Record<string, string> {
  // One malloc arena per thread would cost the Java processes tens of megabytes each.
  return { PATH: path.join(delimiter), HOME: home, MALLOC_ARENA_MAX: '2' };
}
