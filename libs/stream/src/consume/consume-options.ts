import type { TopicName } from '#libs/events';
import type { Clock, Logger, Metrics, Readiness } from '#libs/platform';
import type { Backend, BatchControl } from '../backend/backend.ts';
import type { Reject } from '../codec/reject.ts';
import type { SchemaCodec } from '../codec/schema-codec.ts';
import type { DeadLetterWriter } from '../dead-letters/dead-letter-writer.ts';
import type { DeadLetterLimitSettings } from './dead-letter-limits.ts';
import type { AcceptedMessage, DecodedBatch } from './decoded-batch.ts';

export interface ConsumeOptions<T extends TopicName> {
  /** Consumer group, without the topic prefix. */
  groupId: string;
  topics: readonly T[];
  /**
   * Does the work of a batch. Resolve when every effect is acknowledged: the batch is then committed. Name records that
   * cannot be processed in `rejects`; throw for what stopped the rest. Retriable errors are tried again for ever, others
   * a few times before the records at fault are found and rejected.
   */
  handleBatch(
    batch: DecodedBatch<T>,
    control: BatchControl,
    admitRejects: AdmitRejects<T>,
  ): Promise<BatchOutcome<T> | void>;
  /**
   * Where rejected records go. `dead-letter`: to the dead-letter topic, for the one consumer that answers for a topic.
   * `skip`: nowhere, for the others. For all topics or by topic. Default: `dead-letter` where the topic has one.
   */
  rejects?: Rejects | Partial<Record<TopicName, Rejects>>;
  /** Most records handed over at once; default 2000. */
  maximumRecords?: number;
  /** Partitions handled at the same time; default 4. */
  concurrency?: number;
  /** Bytes one fetch takes from a partition; default 1 MiB. */
  bytesPerPartition?: number;
  /** Called with all partitions of this member after each rebalance. */
  onAssigned?(partitions: { topic: T; partition: number }[]): void;
}

type Rejects = 'dead-letter' | 'skip';

/**
 * Call it before effects that others can see: a partition that stands still at the limit tries again and again, and
 * would repeat them each time.
 * @throws TidemillError DEAD_LETTER_LIMIT when so many may not be rejected.
 */
export type AdmitRejects<T extends TopicName> = (rejects: readonly Rejection<T>[]) => void;

export interface BatchOutcome<T extends TopicName> {
  rejects?: readonly Rejection<T>[];
}

/** A record the handler cannot process, and why. */
export interface Rejection<T extends TopicName> {
  message: AcceptedMessage<T>;
  reject: Reject;
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
