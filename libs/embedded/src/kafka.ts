import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { reasonOf } from '#libs/platform';
import { embeddedError } from './errors.ts';
import { GuardedProcess } from './guarded-process.ts';
import type { Engine } from './engine.ts';

export interface KafkaPorts {
  port: number;
  controllerPort: number;
}

export interface KafkaOptions extends Engine, KafkaPorts {
  /** Folder of Kafka's jars. */
  libraries: string;
  heapMegabytes: number;
}

/** One broker and controller on 127.0.0.1, its log in `<directory>/log`. Resolves when it answers. */
export async function startKafka(options: KafkaOptions): Promise<GuardedProcess> {
  const { directory, java, libraries, heapMegabytes, port, ...engine } = options;
  await mkdir(directory, { recursive: true });
  const properties = join(directory, 'server.properties');
  const logging = join(directory, 'log4j2.properties');
  await writeFile(logging, log4j2);
  const virtualMachine = [`-Xmx${heapMegabytes}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const classPath = ['-cp', join(libraries, '*')];
  if (!(await formatted(directory))) {
    await format(options, [java.executable, ...virtualMachine, `-Dlog4j2.configurationFile=${logging}`, ...classPath]);
  }
  await writeFile(properties, serverProperties(options, join(directory, 'log')));
  const mark = `-Dtidemill.kafka=${directory}`;
  const settings = [mark, `-Dlog4j2.configurationFile=${logging}`];
  const kafka = await GuardedProcess.start({
    name: 'Kafka',
    command: [java.executable, ...settings, ...virtualMachine, ...classPath, 'kafka.Kafka', properties],
    mark,
    directory,
    pidFile: join(directory, 'pid'),
    grace: 15,
    ...engine,
  });
  return kafka.whenReady((signal) => answersKafka(port, signal), 60);
}

async function formatted(directory: string): Promise<boolean> {
  return (await stat(join(directory, 'log', 'meta.properties')).catch(() => undefined)) !== undefined;
}

/** Writes the new cluster aside and moves it into place whole, so that a start that was cut off leaves no half of one. */
async function format(options: KafkaOptions, [java, ...settings]: [string, ...string[]]): Promise<void> {
  const fresh = join(options.directory, 'log.new');
  await rm(fresh, { recursive: true, force: true });
  const properties = join(options.directory, 'format.properties');
  await writeFile(properties, serverProperties(options, fresh));
  const tool = ['kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', properties, '--standalone'];
  try {
    await promisify(execFile)(java, [...settings, ...tool], { env: options.env, timeout: 60_000 });
  } catch (error) {
    throw embeddedError('ENGINE_START_FAILED', { detail: `Kafka's storage: ${reasonOf(error)}`, cause: error });
  }
  await rename(fresh, join(options.directory, 'log'));
  await rm(properties);
}

/** 128 random bits as Kafka writes them: 22 characters that do not begin with a dash. */
function clusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? clusterId() : id;
}

/**
 * Small numbers for one broker on one machine. Retention and compaction are the topics' own; the short session lets a
 * broker that was killed come back in 3 s instead of 12. A consumer may ask for a session shorter than Kafka's least of 6 s.
 */
function serverProperties({ port, controllerPort }: KafkaPorts, log: string): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=${log.replaceAll('\\', '\\\\')}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=2
background.threads=2
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
`;
}

const log4j2 = `status = error
appender.stdout.type = Console
appender.stdout.name = stdout
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = %d{ISO8601} %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.stdout.ref = stdout
logger.server.name = kafka.server
logger.server.level = info
logger.config.name = org.apache.kafka.common.config
logger.config.level = error
logger.values.name = kafka.server.KafkaConfig
logger.values.level = warn
`;

/**
 * Asks the broker for its API versions: an open port alone may belong to a broker that does not take requests yet.
 * @see https://kafka.apache.org/protocol#The_Messages_ApiVersions version 0
 */
async function answersKafka(port: number, signal: AbortSignal): Promise<boolean> {
  const request = Buffer.alloc(14);
  request.writeInt32BE(10, 0);
  request.writeInt16BE(18, 4);
  request.writeInt16BE(-1, 12);
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    socket.write(request);
    const [answer]: unknown[] = await once(socket, 'data', { signal });
    return answer instanceof Buffer;
  } finally {
    socket.destroy();
  }
}
