import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../libs/embedded/src/ports.ts';

/** One broker, to be paused and killed. */
export interface KafkaNode {
  /** SIGSTOP: the socket stays open, nothing is answered. */
  pause: () => void;
  resume: () => void;
  /** SIGKILL, if it runs. */
  kill: () => Promise<void>;
  /** On the same data, after `kill`. */
  start: () => Promise<void>;
}

/** Kafka of a test's own. */
export interface KafkaCluster extends AsyncDisposable {
  brokers: readonly string[];
  /** One of its brokers, in turns: 0 is the first, and the first again as many later as there are. */
  node: (turn: number) => KafkaNode;
}

export interface KafkaClusterOptions {
  /** Folder of Kafka's jars. */
  libraries: string;
  /** Processes, each broker and controller; what Kafka keeps for itself it keeps on all of them. Default 1. */
  count?: number;
  /** Shortest session of a consumer, in milliseconds; default 6,000. */
  shortestSession?: number;
}

export async function startKafkaCluster(options: KafkaClusterOptions): Promise<KafkaCluster> {
  const { libraries, count = 1, shortestSession = 6000 } = options;
  if (libraries === '') throw new Error('TIDEMILL_TEST_KAFKA_LIBRARIES must name the folder of Kafka’s jars');
  const directory = await mkdtemp(join(tmpdir(), 'tidemill-kafka-'));
  const places: { id: number; port: number; controllerPort: number }[] = [];
  for (let id = 1; id <= count; id++) {
    const taken = places.flatMap(({ port, controllerPort }) => [port, controllerPort]);
    const port = await freePort([0], taken);
    places.push({ id, port, controllerPort: await freePort([0], [...taken, port]) });
  }
  const voters = places.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(',');
  const started = await Promise.all(
    places.map(async (place) => {
      const properties = join(directory, `${place.id}.properties`);
      const log = join(directory, `${place.id}`);
      await writeFile(properties, configuration({ ...place, log, voters, count, shortestSession }));
      return startNode(libraries, properties, place.port);
    }),
  );
  return {
    brokers: places.map(({ port }) => `127.0.0.1:${port}`),
    node(turn) {
      const found = started[turn % count];
      if (found === undefined) throw new Error(`no broker ${turn}`);
      return found;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((node) => node.kill()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function startNode(libraries: string, properties: string, port: number): Promise<KafkaNode> {
  const java = (...main: string[]) =>
    spawn('java', ['-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', join(libraries, '*'), ...main], {
      stdio: 'ignore',
    });
  await once(java('kafka.tools.StorageTool', 'format', '-t', 'MkU3OEVBNTcwNTJENDM2Qk', '-c', properties), 'exit');
  let child: ChildProcess;
  const start = async () => {
    child = java('kafka.Kafka', properties);
    await listening(port);
  };
  await start();
  return {
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
    start,
  };
}

interface NodeSettings {
  id: number;
  port: number;
  controllerPort: number;
  log: string;
  voters: string;
  count: number;
  shortestSession: number;
}

/** Leaders go back to where they belong within a second. */
function configuration({ id, port, controllerPort, log, voters, count, shortestSession }: NodeSettings): string {
  const inSync = Math.min(2, count);
  return `process.roles=broker,controller
node.id=${id}
controller.quorum.voters=${voters}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=${log}
offsets.topic.replication.factor=${count}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=${count}
transaction.state.log.min.isr=${inSync}
share.coordinator.state.topic.replication.factor=${count}
share.coordinator.state.topic.min.isr=${inSync}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=${shortestSession}
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=4194304
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
leader.imbalance.check.interval.seconds=1
leader.imbalance.per.broker.percentage=0
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
