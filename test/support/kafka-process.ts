import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../libs/embedded/src/ports.ts';

/** One Kafka broker of a test's own, to be paused and killed. */
export interface KafkaProcess extends AsyncDisposable {
  brokers: readonly string[];
  /** SIGSTOP: the socket stays open, nothing is answered. */
  pause(): void;
  resume(): void;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** On the same data, after `kill`. */
  start(): Promise<void>;
}

/** `libraries`: folder of Kafka's jars. `shortestSession`: of a consumer, in milliseconds. */
export async function startKafkaProcess(libraries: string, shortestSession = 6000): Promise<KafkaProcess> {
  if (libraries === '') throw new Error('TIDEMILL_TEST_KAFKA_LIBRARIES must name the folder of Kafka’s jars');
  const directory = await mkdtemp(join(tmpdir(), 'tidemill-kafka-'));
  const port = await freePort([0]);
  const controllerPort = await freePort([0], [port]);
  const properties = join(directory, 'server.properties');
  await writeFile(
    properties,
    `${configuration(join(directory, 'log'), port, controllerPort)}group.min.session.timeout.ms=${shortestSession}\n`,
  );
  const java = (...main: string[]) =>
    spawn('java', ['-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', join(libraries, '*'), ...main], {
      stdio: 'ignore',
    });
  const format = [
    'kafka.tools.StorageTool',
    'format',
    '-t',
    'MkU3OEVBNTcwNTJENDM2Qk',
    '-c',
    properties,
    '--standalone',
  ];
  await once(java(...format), 'exit');
  let child: ChildProcess;
  const start = async () => {
    child = java('kafka.Kafka', properties);
    await listening(port);
  };
  await start();
  const kill = async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return {
    brokers: [`127.0.0.1:${port}`],
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill,
    start,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function configuration(log: string, port: number, controllerPort: number): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=${log}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=4194304
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
`;
}

async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
