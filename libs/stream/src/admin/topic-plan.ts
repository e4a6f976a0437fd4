import { deadLetterTopic, type TopicDefinition } from '#libs/events';
import type { TopicSpecification } from '../backend/backend.ts';

/** A text of 1 MiB may take six times that as JSON with escapes. */
export const maximumMessageBytes = 8 * 1_048_576;
/** Dead letters are kept until somebody has looked. */
const deadLetterRetention = 365 * 86_400_000;

export interface TopicPlanOptions {
  topicPrefix: string;
  /** -1: the broker decides. */
  replicationFactor: number;
  /** Partitions of texts, labels and predictions; 0: as declared. */
  partitions: number;
}

/** What the definitions ask of Kafka, dead-letter topics included. */
export function planTopics(definitions: readonly TopicDefinition[], options: TopicPlanOptions): TopicSpecification[] {
  // What one broker alone has acknowledged is lost with its disk; of three one may be away.
  const durability = options.replicationFactor >= 3 ? { 'min.insync.replicas': '2' } : undefined;
  return definitions.flatMap((definition) => {
    const specification: TopicSpecification = {
      topic: options.topicPrefix + definition.topic,
      partitions: definition.partitions > 1 && options.partitions > 0 ? options.partitions : definition.partitions,
      replicationFactor: options.replicationFactor,
      configuration: {
        'cleanup.policy': definition.cleanupPolicy,
        'retention.ms': String(definition.retentionMilliseconds),
        'max.message.bytes': String(maximumMessageBytes),
        ...durability,
      },
    };
    if (!definition.deadLetter) return [specification];
    // One partition: the offset alone names a dead letter.
    const deadLetters: TopicSpecification = {
      topic: options.topicPrefix + deadLetterTopic(definition.topic),
      partitions: 1,
      replicationFactor: options.replicationFactor,
      configuration: {
        'cleanup.policy': 'delete',
        'retention.ms': String(deadLetterRetention),
        'max.message.bytes': String(maximumMessageBytes + 65_536),
        ...durability,
      },
    };
    return [specification, deadLetters];
  });
}
