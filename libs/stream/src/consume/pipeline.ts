import type { TopicName } from '#libs/events';
import { type Clock, type Logger, type Metrics, type Readiness, reasonOf } from '#libs/platform';
import type { Backend, BatchControl, PartitionId, RawBatch, Subscription } from '../backend/backend.ts';
import type { SchemaCodec } from '../codec/schema-codec.ts';
import type { DeadLetterWriter } from '../dead-letters/dead-letter-writer.ts';
import { BatchRunner } from './batch-runner.ts';
import type { DecodedBatch } from './decoded-batch.ts';
import type { DeadLetterLimitSettings } from './dead-letter-limits.ts';
import type { Rejection } from './batch-runner.ts';

export interface ConsumeOptions<T extends TopicName> {
  /** Consumer group, without the topic prefix. */
  groupId: string;
  topics: readonly T[];
  /**
   * Does the work of a batch. Resolve when every effect is acknowledged: the batch is then committed. Name records that
   * cannot be processed in `rejects`; throw for what stopped the rest. Retriable errors are tried again for ever, others
   * a few times before the records at fault are found and rejected.
   */
  handleBatch(batch: DecodedBatch<T>, control: BatchControl): Promise<BatchOutcome<T> | void>;
  /**
   * Where rejected records go. `dead-letter`: to the dead-letter topic, for the one consumer that answers for a topic.
   * `skip`: nowhere, for the others. Default: `dead-letter` where the topic has one.
   */
  rejects?: 'dead-letter' | 'skip';
  /** Most records handed over at once; default 2000. */
  maximumRecords?: number;
  /** Partitions handled at the same time; default 4. */
  concurrency?: number;
  /** Bytes one fetch takes from a partition; default 1 MiB. */
  bytesPerPartition?: number;
  /** Called with all partitions of this member after each rebalance. */
  onAssigned?(partitions: { topic: T; partition: number }[]): void;
}

export interface BatchOutcome<T extends TopicName> {
  rejects?: readonly Rejection<T>[];
}

/** A running consumer. */
export interface Pipeline {
  /** Back-pressure: stops fetching until `resume`; survives rebalances. */
  pause(): void;
  resume(): void;
  /** What it does now. */
  status(): PipelineStatus;
  /** Finishes the batches at hand (10 s), commits, leaves the group. */
  close(): Promise<void>;
}

export interface PipelineStatus {
  groupId: string;
  topics: readonly TopicName[];
  partitions: PartitionId[];
  /** Why nothing moves, if so. */
  stopped: string | undefined;
  /** When a batch was last finished, epoch milliseconds. */
  lastProgressAt: number | undefined;
}

export interface PipelineServices {
  backend: Backend;
  codec: SchemaCodec;
  deadLetters: DeadLetterWriter;
  limits: DeadLetterLimitSettings;
  topicPrefix: string;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  readiness: Readiness;
  /** A consumer ended by itself: take the service down, a supervisor starts it again. */
  onFatal(error: Error): void;
}

const defaults = { maximumRecords: 2000, concurrency: 4, bytesPerPartition: 1_048_576 };

/** Starts consuming; resolves when the group has assigned partitions for the first time. */
export async function startPipeline<T extends TopicName>(
  options: ConsumeOptions<T>,
  services: PipelineServices,
): Promise<Pipeline> {
  const { backend, topicPrefix, readiness, metrics, logger } = services;
  const part = `consumer ${options.groupId}`;
  const status: PipelineStatus = {
    groupId: options.groupId,
    topics: options.topics,
    partitions: [],
    stopped: undefined,
    lastProgressAt: undefined,
  };
  const runner = new BatchRunner<T>({
    options,
    maximumRecords: options.maximumRecords ?? defaults.maximumRecords,
    services,
    onStopped(reason) {
      status.stopped = reason;
      if (reason === undefined) readiness.clear(part);
      else readiness.block(part, reason);
    },
  });
  const named = (topic: string) => options.topics.find((name) => topicPrefix + name === topic);
  const subscription: Subscription = await backend.subscribe({
    groupId: topicPrefix + options.groupId,
    topics: options.topics.map((topic) => topicPrefix + topic),
    concurrency: options.concurrency ?? defaults.concurrency,
    bytesPerPartition: options.bytesPerPartition ?? defaults.bytesPerPartition,
    async handle(batch: RawBatch, control: BatchControl) {
      const topic = named(batch.topic);
      if (topic !== undefined) await runner.run(topic, batch, control);
      status.lastProgressAt = services.clock.now();
    },
    onAssigned(partitions) {
      status.partitions = partitions;
      logger.debug({ groupId: options.groupId, partitions }, 'partitions assigned');
      options.onAssigned?.(
        partitions.flatMap(({ topic, partition }) => {
          const name = named(topic);
          return name === undefined ? [] : [{ topic: name, partition }];
        }),
      );
    },
    onReset({ topic, partition }) {
      metrics.increment('tidemill_offset_resets_total', { topic: named(topic) ?? topic });
      logger.error(
        { groupId: options.groupId, topic, partition },
        'the committed offset no longer exists: records expired unread, reading goes on at the oldest one',
      );
    },
    onFatal(error) {
      status.stopped = error.message;
      readiness.block(part, error.message);
      for (const topic of options.topics) metrics.increment('tidemill_consumer_crashes_total', { topic });
      logger.fatal({ groupId: options.groupId, reason: reasonOf(error) }, 'the consumer stopped by itself');
      services.onFatal(error);
    },
  });
  return {
    pause: () => subscription.pause(),
    resume: () => subscription.resume(),
    status: () => status,
    close: () => subscription.stop(),
  };
}
