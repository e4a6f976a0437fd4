import { type Clock, type Configuration, type Logger, type Metrics, milliseconds, Readiness } from '#libs/platform';
import { KafkaBackend } from './backend/kafkajs/backend.ts';
import type { KafkaSettings, SaslSettings } from './backend/kafkajs/client.ts';
import { ConfluentRegistry } from './codec/confluent-registry.ts';
import { createStream, type Stream, type StreamSettings } from './stream.ts';

export interface ConnectStreamOptions
  extends
    Partial<StreamSettings>,
    Pick<KafkaSettings, 'ssl' | 'sessionTimeout' | 'heartbeatInterval' | 'drainTimeout'> {
  /** Bootstrap brokers, host:port. */
  brokers: readonly string[];
  sasl?: SaslSettings | undefined;
  /** Base URL of the registry's Confluent API; Apicurio: `…/apis/ccompat/v7`. */
  registryUrl: string;
  registryUsername?: string | undefined;
  registryPassword?: string | undefined;
  logger: Logger;
  metrics: Metrics;
  clock: Clock;
  readiness?: Readiness | undefined;
  onFatal?: ((error: Error) => void) | undefined;
}

export const defaultStreamSettings: StreamSettings = {
  clientId: 'tidemill',
  topicPrefix: '',
  acceptJson: true,
  maximumTextBytes: 1_048_576,
  deadLetterLimits: { consecutive: 500, share: 0.5 },
  eventHeaders: 'control',
  replicationFactor: -1,
  partitions: 0,
  sendTimeout: 60_000,
};

/** Topics, producers and consumers on Kafka. Nothing is connected before it is needed: see `admin.waitForTopics`. */
export function connectStream(options: ConnectStreamOptions): Promise<Stream> {
  const { brokers, registryUrl, registryUsername, registryPassword, logger, metrics, clock } = options;
  const settings: StreamSettings = { ...defaultStreamSettings, ...options };
  const { ssl, sasl, sessionTimeout, heartbeatInterval, drainTimeout } = options;
  const { clientId } = settings;
  const session = { sessionTimeout, heartbeatInterval, drainTimeout };
  const backend = new KafkaBackend({ brokers, clientId, ssl, sasl, ...session, logger, clock });
  const registry = new ConfluentRegistry({
    url: registryUrl,
    username: registryUsername,
    password: registryPassword,
    clientId,
  });
  const stream = createStream({ backend, schemas: registry, closeSchemas: () => registry.close() }, settings, {
    logger,
    metrics,
    clock,
    readiness: options.readiness ?? new Readiness(),
    onFatal: options.onFatal ?? (() => undefined),
  });
  return Promise.resolve(stream);
}

/** The part of the options that the configuration decides; brokers and registry fall back to the embedded ones. */
export function streamSettings(
  { kafka, schemaRegistry, stream }: Configuration,
  embedded: { brokers: readonly string[]; registryUrl: string } = { brokers: [], registryUrl: '' },
): Omit<ConnectStreamOptions, 'logger' | 'metrics' | 'clock' | 'readiness' | 'onFatal'> {
  const sasl =
    kafka.saslMechanism === ''
      ? undefined
      : { mechanism: kafka.saslMechanism, username: kafka.saslUsername, password: kafka.saslPassword };
  return {
    brokers: kafka.brokers === '' ? embedded.brokers : kafka.brokers.split(',').map((broker) => broker.trim()),
    registryUrl: schemaRegistry.url === '' ? embedded.registryUrl : schemaRegistry.url,
    registryUsername: schemaRegistry.username,
    registryPassword: schemaRegistry.password,
    clientId: kafka.clientId,
    topicPrefix: kafka.topicPrefix,
    ssl: kafka.ssl,
    sasl,
    sessionTimeout: milliseconds(kafka.sessionTimeout),
    replicationFactor: kafka.replicationFactor,
    partitions: stream.partitions,
    eventHeaders: stream.eventHeaders,
    acceptJson: stream.acceptJson,
    maximumTextBytes: stream.maximumTextBytes,
    deadLetterLimits: { consecutive: stream.deadLetterConsecutive, share: stream.deadLetterShare },
  };
}
