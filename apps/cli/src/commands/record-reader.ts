import type { Label, Text } from '#libs/events';
import type { LineFormat } from '#libs/lines';
import type { RecordTopic } from './record-sink.ts';

export interface ReaderOptions {
  topic: RecordTopic;
  format: LineFormat;
  /** Model of lines that name none. */
  model: string | undefined;
  maximumTextBytes: number;
}

/** Turns the fields of a line into a record, or into the reason why it is none: by the checks of the consumers. */
export async function recordReader({ topic, format, model, ...limits }: ReaderOptions) {
  const { checkRecord, decodeJson } = await import('#libs/stream');
  const { newId, systemClock } = await import('#libs/platform');
  return (value: Record<string, unknown>): Text | Label | string => {
    const fields: Record<string, unknown> = { ...value, model: value['model'] ?? model };
    if (fields['model'] === undefined) return 'model: is missing; name it in the line or with --model';
    if (format === 'csv') typedColumns(fields);
    if (topic === 'texts') Object.assign(fields, { id: value['id'] ?? newId(), source: value['source'] ?? 'cli' });
    const record = decodeJson(topic, Buffer.from(JSON.stringify(fields)), systemClock.now());
    if ('code' in record) return record.reason;
    return checkRecord(topic, record, limits) ?? record;
  };
}

/** CSV knows text only. */
function typedColumns(fields: Record<string, unknown>): void {
  const { confidence, attributes } = fields;
  if (typeof confidence === 'string') fields['confidence'] = Number(confidence);
  if (typeof attributes === 'string') {
    try {
      fields['attributes'] = JSON.parse(attributes);
    } catch {
      // The record check says that it is not an object.
    }
  }
}
