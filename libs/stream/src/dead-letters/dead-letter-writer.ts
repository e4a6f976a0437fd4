import { deadLetterTopic, type TopicName } from '#libs/events';
import type { Clock } from '#libs/platform';
import type { OutgoingMessage, RawHeaders, RawMessage } from '../backend/backend.ts';
import type { Reject } from '../codec/reject.ts';
import type { StreamProducer } from '../produce/stream-producer.ts';

/** A record that cannot be processed, with the reason. */
export interface DeadLetter {
  message: RawMessage;
  reject: Reject;
  /** Where it failed: decode or handle. */
  stage: string;
  attempts: number;
}

export interface DeadLetterWriter {
  /** Writes to the dead-letter topic and waits for the acknowledgement. Key, value and headers stay as they are. */
  write(
    from: { topic: TopicName; partition: number },
    letters: readonly DeadLetter[],
    fence?: () => Promise<void>,
  ): Promise<void>;
}

export function createDeadLetterWriter(producer: StreamProducer, clock: Clock, topicPrefix: string): DeadLetterWriter {
  return {
    async write({ topic, partition }, letters, fence) {
      const failedAt = String(clock.now());
      const messages = letters.map(({ message, reject, stage, attempts }): OutgoingMessage => {
        const headers: RawHeaders = {
          ...message.headers,
          'dlq-topic': topicPrefix + topic,
          'dlq-partition': String(partition),
          'dlq-offset': String(message.offset),
          'dlq-timestamp': String(message.timestamp),
          'dlq-error': reject.code,
          'dlq-reason': reject.reason,
          'dlq-stage': stage,
          'dlq-attempts': String(attempts),
          'dlq-failed-at': failedAt,
        };
        if (message.value?.[0] === 0 && message.value.length >= 5) {
          headers['dlq-schema-id'] = String(message.value.readInt32BE(1));
        }
        return { key: message.key, value: message.value, headers };
      });
      await producer.sendRaw(deadLetterTopic(topic), messages, fence === undefined ? {} : { fence });
    },
  };
}
