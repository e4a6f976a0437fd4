import type { Label, Text, TopicName } from '#libs/events';
import type { Reject } from './reject.ts';

/** Topics on which a plain JSON object (first byte `{`) is as good as Avro. */
export const jsonTopics: ReadonlySet<TopicName> = new Set<TopicName>(['texts', 'labels']);

type Fields = Record<string, unknown>;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A field that is not what it must be; the message names it. */
class FieldError extends Error {}

/**
 * A text or label from JSON: absent optional fields take their defaults, times are RFC 3339 or epoch milliseconds, an
 * absent time is the record's own. Unknown fields are ignored.
 */
export function decodeJson(topic: TopicName, value: Buffer, timestamp: number): Text | Label | Reject {
  let fields: unknown;
  try {
    fields = JSON.parse(utf8.decode(value));
  } catch (error) {
    return { code: 'invalid-json', reason: `not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    return { code: 'invalid-json', reason: 'not a JSON object' };
  }
  try {
    return topic === 'labels' ? toLabel(fields as Fields, timestamp) : toText(fields as Fields, timestamp);
  } catch (error) {
    if (error instanceof FieldError) return { code: 'invalid-record', reason: error.message };
    throw error;
  }
}

function toText(fields: Fields, timestamp: number): Text {
  return {
    id: required(fields, 'id'),
    model: required(fields, 'model'),
    text: required(fields, 'text'),
    occurredAt: time(fields, 'occurredAt', timestamp),
    source: optional(fields, 'source', ''),
    attributes: stringMap(fields, 'attributes'),
  };
}

function toLabel(fields: Fields, timestamp: number): Label {
  return {
    textId: required(fields, 'textId'),
    model: required(fields, 'model'),
    label: required(fields, 'label'),
    labeller: optional(fields, 'labeller', ''),
    source: optional(fields, 'source', 'human'),
    labelledAt: time(fields, 'labelledAt', timestamp),
    confidence: share(fields, 'confidence'),
  };
}

function required(fields: Fields, name: string): string {
  if (fields[name] === undefined) throw new FieldError(`${name}: is missing`);
  return optional(fields, name, '');
}

/** Lone surrogates become U+FFFD, as they do on every way through UTF-8. */
function optional(fields: Fields, name: string, otherwise: string): string {
  const value = fields[name] ?? otherwise;
  if (fields[name] === null || typeof value !== 'string') throw new FieldError(`${name}: must be a string`);
  return value.toWellFormed();
}

function stringMap(fields: Fields, name: string): Record<string, string> {
  const value = fields[name] ?? {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FieldError(`${name}: must be an object`);
  }
  const map: Record<string, string> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry !== 'string') throw new FieldError(`${name}.${key}: must be a string`);
    map[key.toWellFormed()] = entry.toWellFormed();
  }
  return map;
}

function share(fields: Fields, name: string): number | null {
  const value = fields[name] ?? null;
  if (value !== null && typeof value !== 'number') throw new FieldError(`${name}: must be a number or null`);
  return value;
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

function time(fields: Fields, name: string, otherwise: number): number {
  const value = fields[name] ?? otherwise;
  const milliseconds = typeof value === 'string' && rfc3339.test(value) ? Date.parse(value.replace(' ', 'T')) : value;
  if (typeof milliseconds !== 'number' || !Number.isSafeInteger(milliseconds)) {
    throw new FieldError(`${name}: must be an RFC 3339 time such as 2026-01-31T12:00:00Z, or epoch milliseconds`);
  }
  return milliseconds;
}
