import { type Coordinates, type TableName, type TableRow, toRow } from '#libs/clickhouse';
import type { RecordOf, TopicName } from '#libs/events';
import type { AcceptedMessage } from '#libs/stream';

type RowOf<T extends TopicName> = (record: RecordOf<T>, from: Coordinates) => TableRow;

/** One name in four places: a topic's records are the rows of the table of that name. */
const rowOf: { readonly [T in TopicName]: RowOf<T> } = {
  texts: (record, from) => toRow('texts', record, from),
  labels: (record, from) => toRow('labels', record, from),
  predictions: (record, from) => toRow('predictions', record, from),
  'drift-reports': (record, from) => toRow('drift_reports', record, from),
  'performance-reports': (record, from) => toRow('performance_reports', record, from),
  'trigger-decisions': (record, from) => toRow('trigger_decisions', record, from),
  'retraining-requests': (record, from) => toRow('retraining_requests', record, from),
  'model-versions': (record, from) => toRow('model_versions', record, from),
  'serving-status': (record, from) => toRow('serving_status', record, from),
  'registry-events': (record, from) => toRow('registry_events', record, from),
};

const tables = {
  texts: 'texts',
  labels: 'labels',
  predictions: 'predictions',
  'drift-reports': 'drift_reports',
  'performance-reports': 'performance_reports',
  'trigger-decisions': 'trigger_decisions',
  'retraining-requests': 'retraining_requests',
  'model-versions': 'model_versions',
  'serving-status': 'serving_status',
  'registry-events': 'registry_events',
} as const satisfies Record<TopicName, TableName>;

export const tableOf = (topic: TopicName): TableName => tables[topic];

/** The rows that keep records of one partition. */
export function rowsOf<T extends TopicName>(
  topic: T,
  partition: number,
  messages: readonly AcceptedMessage<T>[],
): TableRow[] {
  return messages.map(({ value, offset }) => rowOf[topic](value, { partition, offset }));
}
