import { type TopicName, topics } from '#libs/events';

export type JsonSchema = Record<string, unknown>;

interface AvroField {
  name: string;
  type: unknown;
  doc?: string;
}

interface AvroRecord {
  name: string;
  doc?: string;
  fields: AvroField[];
}

/** The JSON Schema of a topic's record as this API shows it: mechanically from its Avro schema, times as RFC 3339. */
export function recordSchema(topic: TopicName): JsonSchema {
  return schemaOf(JSON.parse(topics[topic].schema), new Map());
}

function schemaOf(type: unknown, named: Map<string, JsonSchema>): JsonSchema {
  if (typeof type === 'string') return primitive(type, named);
  if (Array.isArray(type)) {
    const schemas = type.map((one) => schemaOf(one, named));
    return { anyOf: schemas };
  }
  if (typeof type !== 'object' || type === null || !('type' in type)) return {};
  if ('logicalType' in type && type.logicalType === 'timestamp-millis') return { type: 'string', format: 'date-time' };
  if (type.type === 'array' && 'items' in type) return { type: 'array', items: schemaOf(type.items, named) };
  if (type.type === 'map' && 'values' in type)
    return { type: 'object', additionalProperties: schemaOf(type.values, named) };
  if (isRecord(type)) return record(type, named);
  return schemaOf(type.type, named);
}

function isRecord(type: object): type is AvroRecord {
  return 'type' in type && type.type === 'record' && 'fields' in type;
}

function record({ name, doc, fields }: AvroRecord, named: Map<string, JsonSchema>): JsonSchema {
  const schema: JsonSchema = {
    type: 'object',
    ...(doc === undefined ? {} : { description: doc }),
    properties: Object.fromEntries(
      fields.map((field) => [field.name, { ...schemaOf(field.type, named), description: field.doc ?? '' }]),
    ),
    required: fields.map((field) => field.name),
    additionalProperties: false,
  };
  named.set(name, schema);
  return schema;
}

function primitive(type: string, named: Map<string, JsonSchema>): JsonSchema {
  switch (type) {
    case 'null':
      return { type: 'null' };
    case 'boolean':
      return { type: 'boolean' };
    case 'int':
    case 'long':
      return { type: 'integer' };
    case 'float':
    case 'double':
      return { type: 'number' };
    default:
      return named.get(type) ?? { type: 'string' };
  }
}
