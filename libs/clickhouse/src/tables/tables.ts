import { type RecordOf, topics } from '#libs/events';
import { type AvroField, type AvroRecord, type ColumnCodec, columnCodec, snakeCase } from './avro-column.ts';

/** What a consumer put into a dead-letter topic, without the original bytes. Times are epoch milliseconds. */
export interface DeadLetter {
  topic: string;
  partition: number;
  offset: number;
  timestamp: number;
  key: string;
  valueBytes: number;
  error: string;
  reason: string;
  stage: string;
  attempts: number;
  failedAt: number;
  schemaId: number | null;
}

/** Every table and the record it keeps. */
export interface TableRecords {
  texts: RecordOf<'texts'>;
  labels: RecordOf<'labels'>;
  predictions: RecordOf<'predictions'>;
  drift_reports: RecordOf<'drift-reports'>;
  performance_reports: RecordOf<'performance-reports'>;
  trigger_decisions: RecordOf<'trigger-decisions'>;
  retraining_requests: RecordOf<'retraining-requests'>;
  model_versions: RecordOf<'model-versions'>;
  serving_status: RecordOf<'serving-status'>;
  registry_events: RecordOf<'registry-events'>;
  dead_letters: DeadLetter;
}
export type TableName = keyof TableRecords;

export interface Column {
  /** Field of the record. */
  field: string;
  /** Column of the table. */
  column: string;
  codec: ColumnCodec;
}

const timestampMillis = { type: 'long', logicalType: 'timestamp-millis' } as const;
const deadLetterFields: readonly AvroField[] = [
  { name: 'topic', type: 'string' },
  { name: 'partition', type: 'int' },
  { name: 'offset', type: 'long' },
  { name: 'timestamp', type: timestampMillis },
  { name: 'key', type: 'string' },
  { name: 'valueBytes', type: 'long' },
  { name: 'error', type: 'string' },
  { name: 'reason', type: 'string' },
  { name: 'stage', type: 'string' },
  { name: 'attempts', type: 'int' },
  { name: 'failedAt', type: timestampMillis },
  { name: 'schemaId', type: ['null', 'long'] },
];

function columnsOf(fields: readonly AvroField[]): Column[] {
  const named = new Map<string, ColumnCodec>();
  return fields.map(({ name, type }) => ({ field: name, column: snakeCase(name), codec: columnCodec(type, named) }));
}

function columnsOfTopic(topic: keyof typeof topics): Column[] {
  const schema: AvroRecord = JSON.parse(topics[topic].schema);
  return columnsOf(schema.fields);
}

/** The columns of every table that come from its record, in the record's order. */
export const tableColumns: { readonly [T in TableName]: readonly Column[] } = {
  texts: columnsOfTopic('texts'),
  labels: columnsOfTopic('labels'),
  predictions: columnsOfTopic('predictions'),
  drift_reports: columnsOfTopic('drift-reports'),
  performance_reports: columnsOfTopic('performance-reports'),
  trigger_decisions: columnsOfTopic('trigger-decisions'),
  retraining_requests: columnsOfTopic('retraining-requests'),
  model_versions: columnsOfTopic('model-versions'),
  serving_status: columnsOfTopic('serving-status'),
  registry_events: columnsOfTopic('registry-events'),
  dead_letters: columnsOf(deadLetterFields),
};

/** Columns that every table has besides those of its record. */
export const coordinateColumns = ['kafka_partition', 'kafka_offset'] as const;

export function isTableName(name: string): name is TableName {
  return Object.hasOwn(tableColumns, name);
}
