/** How values of one Avro type are kept in a column, mechanically. */
export interface ColumnCodec {
  /** The ClickHouse type, without LowCardinality. */
  type: string;
  /** Record value to what JSONCompactEachRow takes. */
  encode: (value: unknown) => unknown;
  /** What a query gave back to the record value. */
  decode: (value: unknown) => unknown;
}

export interface AvroField {
  name: string;
  type: AvroType;
}
export interface AvroRecord {
  type: 'record';
  name: string;
  fields: readonly AvroField[];
}
export type AvroType =
  | string
  | readonly AvroType[]
  | AvroRecord
  | { type: 'array'; items: AvroType }
  | { type: 'map'; values: AvroType }
  | { type: 'long'; logicalType: string };

/** DateTime64(3) holds 1900-01-01 up to and including 2299-12-31; event times beyond are moved to the nearest end. */
const earliest = Date.UTC(1900, 0, 1);
const latest = Date.UTC(2300, 0, 1) - 1;

const same = (value: unknown) => value;
/** JSON numbers cannot say what a float can; the engine reads and writes these words. */
const words: Record<string, number> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity };

function encodeFloat(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

function decodeFloat(value: unknown): unknown {
  return typeof value === 'string' ? words[value] : value;
}

function encodeInteger(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

const primitives: Record<string, ColumnCodec> = {
  // UTF-8 has no lone surrogates: they become U+FFFD, as they do on their way through Avro.
  string: { type: 'String', encode: (v) => (typeof v === 'string' ? v.toWellFormed() : v), decode: same },
  boolean: { type: 'Bool', encode: same, decode: same },
  int: { type: 'Int32', encode: same, decode: same },
  long: { type: 'Int64', encode: encodeInteger, decode: same },
  float: { type: 'Float32', encode: encodeFloat, decode: (v) => decodeSingle(decodeFloat(v)) },
  double: { type: 'Float64', encode: encodeFloat, decode: decodeFloat },
};

/** The engine prints a Float32 as the shortest decimal that names it. */
function decodeSingle(value: unknown): unknown {
  return typeof value === 'number' ? Math.fround(value) : value;
}

const timestamp: ColumnCodec = {
  type: "DateTime64(3, 'UTC')",
  encode: (value) => (typeof value === 'number' ? Math.min(latest, Math.max(earliest, Math.trunc(value))) : value),
  decode: (value) => (typeof value === 'string' ? Date.parse(value) : value),
};

/** camelCase to snake_case: `textId` to `text_id`, `macroF1` to `macro_f1`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

/** The codec of an Avro type; `named` collects record types that are defined once and referred to by name. */
export function columnCodec(type: AvroType, named: Map<string, ColumnCodec>): ColumnCodec {
  if (typeof type === 'string') {
    const codec = primitives[type] ?? named.get(type);
    if (codec === undefined) throw new RangeError(`no column for Avro type ${type}`);
    return codec;
  }
  if (isUnion(type)) return nullable(type, named);
  if (type.type === 'record') return tuple(type, named);
  if (type.type === 'array') return array(columnCodec(type.items, named));
  if (type.type === 'map') return map(columnCodec(type.values, named));
  if (type.logicalType === 'timestamp-millis') return timestamp;
  throw new RangeError(`no column for Avro logical type ${type.logicalType}`);
}

function array(item: ColumnCodec): ColumnCodec {
  return {
    type: `Array(${item.type})`,
    encode: (value) => (Array.isArray(value) ? value.map(item.encode) : value),
    decode: (value) => (Array.isArray(value) ? value.map(item.decode) : value),
  };
}

function map(item: ColumnCodec): ColumnCodec {
  return {
    type: `Map(String, ${item.type})`,
    encode: (value) => mapEntries(value, (key) => key.toWellFormed(), item.encode),
    decode: (value) => mapEntries(value, (key) => key, item.decode),
  };
}

function isUnion(type: Exclude<AvroType, string>): type is readonly AvroType[] {
  return Array.isArray(type);
}

function nullable(union: readonly AvroType[], named: Map<string, ColumnCodec>): ColumnCodec {
  const [first, second, ...rest] = union;
  if (first !== 'null' || second === undefined || rest.length > 0) {
    throw new RangeError(`no column for Avro union ${JSON.stringify(union)}`);
  }
  const inner = columnCodec(second, named);
  return {
    type: `Nullable(${inner.type})`,
    encode: (value) => (value === null || value === undefined ? null : inner.encode(value)),
    decode: (value) => (value === null || value === undefined ? null : inner.decode(value)),
  };
}

function tuple(record: AvroRecord, named: Map<string, ColumnCodec>): ColumnCodec {
  const fields = record.fields.map((field) => ({
    name: field.name,
    column: snakeCase(field.name),
    codec: columnCodec(field.type, named),
  }));
  const codec: ColumnCodec = {
    type: `Tuple(${fields.map((field) => `${field.column} ${field.codec.type}`).join(', ')})`,
    encode: (value) => {
      if (!isObject(value)) return value;
      return Object.fromEntries(fields.map((field) => [field.column, field.codec.encode(value[field.name])]));
    },
    decode: (value) => {
      if (!isObject(value)) return value;
      return Object.fromEntries(fields.map((field) => [field.name, field.codec.decode(value[field.column])]));
    },
  };
  named.set(record.name, codec);
  return codec;
}

function mapEntries(value: unknown, key: (key: string) => string, item: (value: unknown) => unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [key(k), item(v)]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
