import { defineErrors, reasonOf, TidemillError } from '#libs/platform';

/** Errors of this lib; docs/errors.md is checked against the table. */
export const streamError = defineErrors({
  BROKER_UNAVAILABLE: { message: 'Kafka does not answer; check kafka.brokers and the network', retriable: true },
  BROKER_REFUSED: { message: 'Kafka refuses the request', retriable: false },
  CONSUMER_CLOSED: { message: 'the consumer was closed before it had joined its group', retriable: false },
  CONSUMER_DRAINING: {
    message: 'the consumer is giving its partitions back; the records will be delivered again',
    retriable: true,
  },
  CONSUMER_FAILED: { message: 'the consumer stopped by itself; restart the service', retriable: false },
  CONSUMER_FENCED: {
    message: 'the consumer may no longer own its partitions, so nothing more is written for them',
    retriable: true,
  },
  DEAD_LETTER_LIMIT: {
    message: 'too many records are rejected, so consuming stops before the topic drains into dead letters',
    retriable: true,
  },
  DEAD_LETTER_UNKNOWN: { message: 'there is no such dead letter; see `tidemill dlq list`', retriable: false },
  PRODUCER_CLOSED: { message: 'the producer is closed', retriable: false },
  RECORD_INVALID: { message: 'the record does not fit the schema of its topic', retriable: false },
  RECORD_TOO_LARGE: { message: 'the record is larger than the topic takes', retriable: false },
  REGISTRY_UNAVAILABLE: { message: 'the schema registry does not answer; check schemaRegistry.url', retriable: true },
  SCHEMA_INCOMPATIBLE: {
    message: 'the schema registry refuses the schema; make the change compatible or choose a new topic',
    retriable: false,
  },
  SEND_TIMED_OUT: {
    message: 'the broker has not acknowledged in time, the records may or may not be written; send them again',
    retriable: true,
  },
  TOPICS_MISSING: { message: 'topics are missing; run `tidemill topics apply`', retriable: true },
});

/** What a client library throws, as one of ours. */
export function asStreamError(thrown: unknown): TidemillError {
  if (thrown instanceof TidemillError) return thrown;
  return streamError(isRetriable(thrown) ? 'BROKER_UNAVAILABLE' : 'BROKER_REFUSED', {
    detail: reasonOf(thrown),
    cause: thrown,
  });
}

/** True when the thrown value itself says that trying again may work; kafkajs and TidemillError do. */
export function isRetriable(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  if (thrown.name === 'KafkaJSNumberOfRetriesExceeded') return isRetriable(thrown.cause) || thrown.cause === undefined;
  if ('retriable' in thrown) return thrown.retriable === true;
  return false;
}
