import kafkajs, { type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs';
import type { Clock, Logger } from '#libs/platform';
import type { PartitionId } from '../backend.ts';
import { guardIdleConnections } from './idle-guard.ts';
import { leadersMoved } from './leaders.ts';
import { installZstd } from './zstd-codec.ts';

export interface KafkaSettings {
  /** Bootstrap brokers, host:port. */
  brokers: readonly string[];
  clientId: string;
  ssl?: boolean | undefined;
  sasl?: SaslSettings | undefined;
  /** How long a dead consumer keeps its partitions, in milliseconds; default 45 s. */
  sessionTimeout?: number | undefined;
  /** Default 3 s. */
  heartbeatInterval?: number | undefined;
  /** Longest wait for the broker's answer to one request; less than 30 s loses idempotence under load. */
  requestTimeout?: number | undefined;
  /** How long a stopping or rebalancing consumer may finish its batch; default 10 s. */
  drainTimeout?: number | undefined;
  logger: Logger;
  clock: Clock;
  /** The committed offset of a consumer of this client no longer exists. */
  onReset?: ((partition: PartitionId) => void) | undefined;
}

type Mechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';

export interface SaslSettings {
  mechanism: Mechanism;
  username: string;
  password: string;
}

/** Retry settings belong to the client: set on a consumer alone they leave metadata and group look-ups to give up early. */
export const patientRetry = { retries: 50, initialRetryTime: 100, maxRetryTime: 1000 };
/** For questions a caller repeats by itself; a new topic takes a moment to have a leader. */
export const briefRetry = { retries: 5, initialRetryTime: 50, maxRetryTime: 200 };

/** A kafkajs client with our guards. */
export function createClient(settings: KafkaSettings, retry = patientRetry): kafkajs.Kafka {
  guardIdleConnections();
  installZstd();
  const config: KafkaConfig = {
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    retry,
    connectionTimeout: 3000,
    requestTimeout: settings.requestTimeout ?? 30_000,
    logLevel: kafkajs.logLevel.INFO,
    logCreator: () => (entry) => forwardLog(settings, entry),
  };
  if (settings.ssl === true) config.ssl = true;
  if (settings.sasl !== undefined) config.sasl = settings.sasl as SASLOptions;
  return new kafkajs.Kafka(config);
}

/** kafkajs reports as errors what it then repairs by itself; what matters reaches us as a rejection or a CRASH. */
function forwardLog({ logger, onReset }: KafkaSettings, { level, namespace, log }: LogEntry): void {
  const { message, error, groupId, broker, topic, partition } = log;
  const failed = level <= kafkajs.logLevel.ERROR && message !== leadersMoved;
  logger[failed ? 'warn' : 'debug'](
    { namespace, broker: broker as unknown, groupId: groupId as unknown, error: error as unknown },
    message,
  );
  // The only place where kafkajs tells of an offset reset.
  if (message.startsWith('Offset out of range, resetting') && typeof topic === 'string') {
    onReset?.({ topic, partition: Number(partition) });
  }
}
