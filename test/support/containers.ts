import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GenericContainer, getContainerRuntimeClient, RandomPortGenerator, Wait } from 'testcontainers';
import { parse } from 'yaml';
import { z } from 'zod';
import type { TestStack } from './stack.ts';

const compose = z.object({ services: z.record(z.string(), z.object({ image: z.string().optional() })) });

/**
 * Kafka, registry and ClickHouse in containers, of the images that docker-compose.yml names. They end with the test run,
 * whatever ends it.
 *
 * NOT RUN YET: where this was written no container runtime answered. Only its refusal without one is tried.
 */
export async function startContainers(): Promise<TestStack> {
  await requireRuntime();
  const images = await composeImages();
  const stop: (() => Promise<unknown>)[] = [];
  const close = async () => {
    await Promise.all(stop.splice(0).map((end) => end()));
  };
  const start = async (container: GenericContainer) => {
    const started = await container.start();
    stop.push(() => started.stop());
    return started;
  };
  try {
    // A broker tells its clients its address, so its port on this side has to be known before it starts.
    const kafkaPort = await new RandomPortGenerator().generatePort();
    const [, registry, clickhouse] = await Promise.all([
      start(kafkaContainer(images('kafka'), kafkaPort)),
      start(
        new GenericContainer(images('schema-registry'))
          .withExposedPorts(8080)
          .withWaitStrategy(Wait.forHttp('/apis/ccompat/v7/subjects', 8080)),
      ),
      start(
        new GenericContainer(images('clickhouse'))
          .withEnvironment({ CLICKHOUSE_USER: 'tidemill', CLICKHOUSE_PASSWORD: 'tidemill' })
          .withExposedPorts(8123)
          .withWaitStrategy(Wait.forHttp('/ping', 8123)),
      ),
    ]);
    const env = {
      TIDEMILL__KAFKA__BROKERS: `localhost:${kafkaPort}`,
      TIDEMILL__SCHEMAREGISTRY__URL: `http://${registry.getHost()}:${registry.getMappedPort(8080)}/apis/ccompat/v7`,
      TIDEMILL__CLICKHOUSE__URL: `http://${clickhouse.getHost()}:${clickhouse.getMappedPort(8123)}`,
      TIDEMILL__CLICKHOUSE__USERNAME: 'tidemill',
      TIDEMILL__CLICKHOUSE__PASSWORD: 'tidemill',
    };
    return { env, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function requireRuntime(): Promise<void> {
  try {
    await getContainerRuntimeClient();
  } catch (error) {
    throw new Error(
      `TEST_STACK=containers needs a container runtime, and none answers. ` +
        'Start Docker or Podman, set DOCKER_HOST, or leave TEST_STACK away to test on the embedded stack.',
      { cause: error },
    );
  }
}

function kafkaContainer(image: string, port: number): GenericContainer {
  return new GenericContainer(image)
    .withExposedPorts({ container: 29_092, host: port })
    .withEnvironment({
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_LISTENERS: 'HOST://:29092,INSIDE://:9092,CONTROLLER://:9093',
      KAFKA_ADVERTISED_LISTENERS: `HOST://localhost:${port},INSIDE://localhost:9092`,
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,HOST:PLAINTEXT,INSIDE:PLAINTEXT',
      KAFKA_INTER_BROKER_LISTENER_NAME: 'INSIDE',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
      KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: '1000',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    })
    .withWaitStrategy(Wait.forLogMessage('Kafka Server started'));
}

/** Image by service of docker-compose.yml. */
async function composeImages(): Promise<(service: string) => string> {
  const path = join(import.meta.dirname, '../../docker-compose.yml');
  const { services } = compose.parse(parse(await readFile(path, 'utf8'), { merge: true }));
  return (service) => {
    const image = services[service]?.image;
    if (image === undefined) throw new Error(`docker-compose.yml has no image of ${service}`);
    return image;
  };
}
