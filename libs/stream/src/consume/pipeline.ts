import type { TopicName } from '#libs/events';
import { reasonOf } from '#libs/platform';
import type { BatchControl, PartitionId, RawBatch, Subscription } from '../backend/backend.ts';
import { BatchRunner } from './batch-runner.ts';
import type { ConsumeOptions, PipelineServices } from './consume-options.ts';

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
