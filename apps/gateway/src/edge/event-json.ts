import { type RecordOf, type TopicName, topics } from '#libs/events';

const timestampFields = new Map<TopicName, ReadonlySet<string>>();

/** A record as JSON shows it: times as RFC 3339 instead of epoch milliseconds. */
export function eventJson<T extends TopicName>(topic: T, record: RecordOf<T>): Record<string, unknown> {
  const times = fieldsOf(topic);
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, times.has(name) ? rfc3339(value) : value]),
  );
}

export function rfc3339(value: unknown): unknown {
  if (typeof value !== 'number' && typeof value !== 'bigint') return value;
  const date = new Date(Number(value));
  // A stranger's record may name a time that no calendar has.
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function fieldsOf(topic: TopicName): ReadonlySet<string> {
  let fields = timestampFields.get(topic);
  if (fields === undefined) {
    const schema: { fields: { name: string; type: unknown }[] } = JSON.parse(topics[topic].schema);
    fields = new Set(schema.fields.filter(({ type }) => isTimestamp(type)).map(({ name }) => name));
    timestampFields.set(topic, fields);
  }
  return fields;
}

function isTimestamp(type: unknown): boolean {
  return typeof type === 'object' && type !== null && 'logicalType' in type && type.logicalType === 'timestamp-millis';
}
