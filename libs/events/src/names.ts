import type { topics, TopicRecords } from './generated.ts';

/** A topic that schemas/topics declares. */
export type TopicName = keyof typeof topics;

/** The record a topic carries. */
export type RecordOf<T extends TopicName> = TopicRecords[T];

/** What schemas/topics says of one topic; `schema` is the Avro schema as JSON text. */
export interface TopicDefinition {
  topic: TopicName;
  record: string;
  description: string;
  key: string;
  partitions: number;
  cleanupPolicy: 'delete' | 'compact';
  /** -1: kept for ever. */
  retentionMilliseconds: number;
  compatibility: 'BACKWARD' | 'FULL_TRANSITIVE';
  deadLetter: boolean;
  schema: string;
}

/** Model names appear in URLs, keys and file names. */
export const modelNamePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Where records of a topic go that cannot be processed. */
export function deadLetterTopic(topic: TopicName): string {
  return `${topic}-dlq`;
}

/** The written form of a version, as people read and type it. */
export function versionName(model: string, version: number): string {
  return `${model}@${version}`;
}
