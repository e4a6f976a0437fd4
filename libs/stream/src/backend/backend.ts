/** What moves bytes. Knows nothing of schemas, records or prefixes; kafkajs behind it, or memory in tests. */
export interface Backend {
  /** Connects a producer of its own; whoever opened it sends one request at a time. */
  openProducer(): Promise<RawProducer>;
  /** Joins the group and hands batches over until stopped. Resolves after the first assignment. */
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  readonly admin: BackendAdmin;
  close(): Promise<void>;
}

export type RawHeaders = Record<string, Buffer | string | (Buffer | string)[] | undefined>;

export interface OutgoingMessage {
  key: Buffer | string | null;
  value: Buffer | null;
  headers?: RawHeaders;
  /** Unset: by murmur2 of the key, as Kafka's own clients do. Set by the producer once chosen. */
  partition?: number;
  /** Epoch milliseconds; unset: now. */
  timestamp?: number;
}

export interface TopicMessages {
  topic: string;
  messages: OutgoingMessage[];
}

/** The first offset that one request was given in one partition. */
export interface BaseOffset {
  topic: string;
  partition: number;
  offset: bigint;
}

export interface RawProducer {
  /** Resolves when all in-sync replicas have the messages; sets `partition` of every message. */
  send(batch: TopicMessages[]): Promise<BaseOffset[]>;
  close(): Promise<void>;
}

export interface RawMessage {
  key: Buffer | null;
  value: Buffer | null;
  headers: RawHeaders;
  offset: bigint;
  /** Epoch milliseconds. */
  timestamp: number;
}

export interface RawBatch {
  topic: string;
  partition: number;
  /** Offset after the newest readable record when the batch was fetched. */
  highWatermark: bigint;
  messages: RawMessage[];
}

/** The hold of a handler on the partition of its batch. */
export interface BatchControl {
  /**
   * Call before any effect that others can see.
   * @throws TidemillError CONSUMER_FENCED when the group may have given the partition to another member.
   */
  fence(): Promise<void>;
  /** Everything of the batch up to and including `offset` is done and may be committed. */
  resolve(offset: bigint): void;
  /** Aborts when the partition is asked back: finish the work at hand, start no waiting. */
  readonly draining: AbortSignal;
  /** Aborts when the partition is gone: stop now, the batch will be delivered again. */
  readonly lost: AbortSignal;
}

export interface PartitionId {
  topic: string;
  partition: number;
}

export interface SubscribeOptions {
  groupId: string;
  topics: readonly string[];
  /** Resolving commits the whole batch; throwing commits what was resolved and delivers the rest again. */
  handle(batch: RawBatch, control: BatchControl): Promise<void>;
  onAssigned?(partitions: PartitionId[]): void;
  /** Where this member begins at its first assignment, whatever was committed; undefined: there, or at the oldest record. */
  startAt?(partition: PartitionId): bigint | undefined;
  /** Everything before `next` has been handed over, control records and compacted gaps included. */
  onProgress?(partition: PartitionId, next: bigint): void;
  /** The committed offset no longer exists; reading goes on at the oldest record. */
  onReset?: (partition: PartitionId) => void;
  /** The subscription has ended by itself and will not come back. */
  onFatal(error: Error): void;
  /** Partitions handled at the same time. */
  concurrency: number;
  /** Most bytes one fetch takes from a partition. */
  bytesPerPartition: number;
  /** No other member joins its group, so that nobody waits for it: it asks less often while nothing comes. */
  alone?: boolean;
}

export interface Subscription {
  /** Stops fetching, also from partitions assigned later. */
  pause(): void;
  resume(): void;
  /** Finishes batches at hand (up to the drain deadline), commits, leaves the group. */
  stop(): Promise<void>;
}

export interface TopicSpecification {
  topic: string;
  partitions: number;
  /** -1: the broker decides. */
  replicationFactor: number;
  configuration: Record<string, string>;
}

export interface TopicDescription {
  topic: string;
  partitions: number;
  configuration: Record<string, string>;
}

export interface PartitionOffsets {
  partition: number;
  /** Oldest record there is. */
  low: bigint;
  /** One after the newest readable record. */
  high: bigint;
}

export interface BackendAdmin {
  /** Those of `names` that exist. */
  describeTopics(names: readonly string[]): Promise<TopicDescription[]>;
  createTopics(topics: readonly TopicSpecification[]): Promise<void>;
  raisePartitions(topic: string, partitions: number): Promise<void>;
  offsets(topic: string): Promise<PartitionOffsets[]>;
  /** Per partition the first offset whose record is not older than `time` (epoch milliseconds), else the end. */
  offsetsAt(topic: string, time: number): Promise<Map<number, bigint>>;
  /** Next offset to be read per partition; -1n where nothing was committed. */
  committed(groupId: string, topic: string): Promise<Map<number, bigint>>;
}
