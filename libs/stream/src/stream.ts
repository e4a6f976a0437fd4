import type { TopicName } from '#libs/events';
import { type Clock, type Logger, type Metrics, type Readiness, reasonOf } from '#libs/platform';
import { createStreamAdmin, type StreamAdmin } from './admin/stream-admin.ts';
import type { Backend } from './backend/backend.ts';
import { SchemaCodec } from './codec/schema-codec.ts';
import type { SchemaStore } from './codec/schema-store.ts';
import type { DeadLetterLimitSettings } from './consume/dead-letter-limits.ts';
import type { ConsumeOptions } from './consume/consume-options.ts';
import { type Pipeline, startPipeline } from './consume/pipeline.ts';
import { createDeadLetterWriter } from './dead-letters/dead-letter-writer.ts';
import { createDeadLetters, type DeadLetters } from './dead-letters/dead-letters.ts';
import { SerialProducer } from './produce/serial-producer.ts';
import { createStreamProducer, type EventHeaders, type StreamProducer } from './produce/stream-producer.ts';
import type { LogReader } from './read/read-log.ts';
import { type LogRecord, readToEnd, type ReadToEndOptions } from './read/read-to-end.ts';

/** Topics of records: everything the services know of Kafka. */
export interface Stream {
  readonly admin: StreamAdmin;
  /** A producer of its own connection, made at the first send. One is enough unless its acknowledgements are the limit. */
  producer(): StreamProducer;
  /** Starts consuming; resolves when the group has assigned partitions for the first time. */
  consume<T extends TopicName>(options: ConsumeOptions<T>): Promise<Pipeline>;
  /** Reads all that is there, then resolves; with `follow` goes on until the reader is closed. */
  readToEnd<T extends TopicName>(
    topic: T,
    onRecord: (record: LogRecord<T>) => Promise<void> | void,
    options?: ReadToEndOptions,
  ): Promise<LogReader>;
  readonly deadLetters: DeadLetters;
  /** Drains consumers, then producers, then disconnects. */
  close(): Promise<void>;
}

/** What a stream does with records, apart from where Kafka is. */
export interface StreamSettings {
  clientId: string;
  /** Before every topic, subject and consumer group. */
  topicPrefix: string;
  acceptJson: boolean;
  maximumTextBytes: number;
  deadLetterLimits: DeadLetterLimitSettings;
  eventHeaders: EventHeaders;
  /** Replicas of topics we create; -1: the broker decides. */
  replicationFactor: number;
  /** Partitions of texts, labels and predictions; 0: as declared. */
  partitions: number;
  /** Longest wait for one acknowledgement, in milliseconds. */
  sendTimeout: number;
}

export interface StreamServices {
  logger: Logger;
  metrics: Metrics;
  clock: Clock;
  readiness: Readiness;
  /** A consumer ended by itself: end the process, so that a supervisor starts it again. */
  onFatal: (error: Error) => void;
}

export interface StreamPorts {
  backend: Backend;
  schemas: SchemaStore;
  closeSchemas?(): void;
}

/** A stream over whatever moves the bytes. */
export function createStream(ports: StreamPorts, settings: StreamSettings, services: StreamServices): Stream {
  const { backend, schemas } = ports;
  const { topicPrefix } = settings;
  const { logger, metrics, clock, onFatal } = services;
  const codec = new SchemaCodec({ ...settings, schemas, clock });
  const producers = new Set<StreamProducer>();
  const pipelines = new Set<{ close(): Promise<void> }>();
  const producer = () => {
    const serial = new SerialProducer({
      open: () => backend.openProducer(),
      clock,
      logger,
      metrics,
      sendTimeout: settings.sendTimeout,
    });
    const created = createStreamProducer({ serial, codec, ...settings });
    producers.add(created);
    return created;
  };
  const letters = producer();
  const deadLetters = createDeadLetterWriter(letters, clock, topicPrefix);
  const track = <R extends { close(): Promise<void> }>(running: R): R => {
    pipelines.add(running);
    return running;
  };
  return {
    admin: createStreamAdmin({ backend: backend.admin, codec, ...settings }),
    producer,
    consume: async (options) =>
      track(
        await startPipeline(options, {
          ...services,
          backend,
          codec,
          deadLetters,
          topicPrefix,
          limits: settings.deadLetterLimits,
        }),
      ),
    readToEnd: async (topic, onRecord, options) =>
      track(await readToEnd({ backend, codec, topicPrefix, logger, onFatal }, topic, onRecord, options)),
    deadLetters: createDeadLetters({ backend, producer: letters, topicPrefix, clock, onFatal }),
    async close() {
      const results = await Promise.allSettled([...pipelines].map((pipeline) => pipeline.close()));
      results.push(...(await Promise.allSettled([...producers].map((open) => open.close()))));
      for (const result of results) {
        if (result.status === 'rejected') logger.warn({ reason: reasonOf(result.reason) }, 'closing the stream');
      }
      await backend.close();
      ports.closeSchemas?.();
    },
  };
}
