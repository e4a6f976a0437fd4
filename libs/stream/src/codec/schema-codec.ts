import type { Resolver, Type } from 'avsc';
import { type RecordOf, type TopicName, topics } from '#libs/events';
import { type Clock, reasonOf } from '#libs/platform';
import { streamError } from '../errors.ts';
import { parseSchema } from './bounded-types.ts';
import { decodeJson, jsonTopics } from './json-records.ts';
import { checkRecord } from './record-checks.ts';
import type { Reject } from './reject.ts';
import type { SchemaStore } from './schema-store.ts';

export interface CodecOptions {
  schemas: SchemaStore;
  clock: Clock;
  topicPrefix: string;
  /** Accept plain JSON on texts and labels. */
  acceptJson: boolean;
  /** Longest text, as UTF-8 bytes. */
  maximumTextBytes: number;
}

export type Decoded<T extends TopicName> = { ok: true; value: RecordOf<T> } | { ok: false; reject: Reject };

/** Magic byte and schema id in front of every Confluent-encoded value. */
const prefixLength = 5;
/** How long an id that the registry does not know is not asked for again. */
const unknownFor = 60_000;
/** Ids remembered as unknown; garbage can name four billion. */
const unknownLimit = 10_000;
/** Look-ups at the same time when a batch names many ids. */
const lookups = 8;

type Plan = { writer: Type; resolver: Resolver | undefined } | { mismatch: string };

/**
 * Confluent wire format to records and back. Decoding is total: a value becomes a record or a reject, never an error;
 * only a registry that does not answer throws, and that is worth trying again.
 */
export class SchemaCodec {
  readonly #options: CodecOptions;
  readonly #types = new Map<TopicName, Type>();
  /** Topic and writer id to how its values are read. */
  readonly #plans = new Map<TopicName, Map<number, Plan>>();
  readonly #unknown = new Map<number, number>();
  readonly #writerIds = new Map<TopicName, Promise<number>>();

  constructor(options: CodecOptions) {
    this.#options = options;
  }

  /** Registers the topic's schema (the id of an unchanged schema stays) and returns its id. */
  register(topic: TopicName): Promise<number> {
    const known = this.#writerIds.get(topic);
    if (known !== undefined) return known;
    const { schema, compatibility } = topics[topic];
    const id = this.#options.schemas.register(`${this.#options.topicPrefix}${topic}-value`, schema, compatibility);
    this.#writerIds.set(topic, id);
    id.catch(() => this.#writerIds.delete(topic));
    return id;
  }

  /**
   * The encoder of a topic, ready to use without waiting.
   * @throws TidemillError REGISTRY_UNAVAILABLE, SCHEMA_INCOMPATIBLE; the encoder itself RECORD_INVALID.
   */
  async encoder<T extends TopicName>(topic: T): Promise<(record: RecordOf<T>) => Buffer> {
    const id = await this.register(topic);
    const type = this.#type(topic);
    const scratch = Buffer.allocUnsafe(65_536);
    return (record) => {
      try {
        const end = type.encode(record, scratch, prefixLength);
        // A negative end: the scratch buffer is too small by that much.
        const bytes = end < 0 ? Buffer.allocUnsafe(scratch.length - end) : Buffer.from(scratch.subarray(0, end));
        if (end < 0) type.encode(record, bytes, prefixLength);
        bytes[0] = 0;
        bytes.writeInt32BE(id, 1);
        return bytes;
      } catch (error) {
        throw streamError('RECORD_INVALID', { detail: `${topic}: ${invalidPaths(type, record, error)}`, cause: error });
      }
    };
  }

  /** Learns every schema id the values name, so that `decode` needs no waiting. @throws REGISTRY_UNAVAILABLE */
  async prepare(topic: TopicName, values: Iterable<Buffer | null>): Promise<void> {
    const wanted = new Set<number>();
    for (const value of values) {
      const id = schemaIdOf(value);
      if (id !== undefined && this.#plan(topic, id) === undefined && !this.#isUnknown(id)) wanted.add(id);
    }
    const ids = [...wanted];
    for (let i = 0; i < ids.length; i += lookups) {
      await Promise.all(ids.slice(i, i + lookups).map((id) => this.#learn(topic, id)));
    }
  }

  /** `timestamp`: the record's own, for JSON without a time. Call `prepare` first. */
  decode<T extends TopicName>(topic: T, value: Buffer | null, timestamp: number): Decoded<T> {
    const record = this.#read(topic, value, timestamp);
    if ('code' in record) return { ok: false, reject: record };
    const reason = checkRecord(topic, record.value, this.#options);
    if (reason !== undefined) return { ok: false, reject: { code: 'invalid-record', reason } };
    return { ok: true, value: record.value };
  }

  #read<T extends TopicName>(topic: T, value: Buffer | null, timestamp: number): { value: RecordOf<T> } | Reject {
    if (value === null || value.length === 0) return { code: 'empty-value', reason: 'the record has no value' };
    if (value[0] === 0x7b && this.#options.acceptJson && jsonTopics.has(topic)) {
      const decoded = decodeJson(topic, value, timestamp);
      return 'code' in decoded ? decoded : { value: decoded as RecordOf<T> };
    }
    if (value[0] !== 0) {
      return { code: 'unknown-magic', reason: `neither Avro nor JSON: the first byte is ${value[0]}` };
    }
    const id = schemaIdOf(value);
    if (id === undefined) return { code: 'truncated', reason: `only ${value.length} bytes, no schema id` };
    const plan = this.#plan(topic, id);
    if (plan === undefined)
      return { code: 'unknown-schema-id', reason: `the schema registry knows no Avro schema ${id}` };
    if ('mismatch' in plan) return { code: 'schema-mismatch', reason: plan.mismatch };
    const decoded = readAvro(this.#type(topic), plan, value);
    return 'code' in decoded ? decoded : { value: decoded.value as RecordOf<T> };
  }

  #type(topic: TopicName): Type {
    let type = this.#types.get(topic);
    if (type === undefined) this.#types.set(topic, (type = parseSchema(topics[topic].schema)));
    return type;
  }

  #plan(topic: TopicName, id: number): Plan | undefined {
    return this.#plans.get(topic)?.get(id);
  }

  #isUnknown(id: number): boolean {
    const until = this.#unknown.get(id);
    return until !== undefined && until > this.#options.clock.now();
  }

  async #learn(topic: TopicName, id: number): Promise<void> {
    const schema = await this.#options.schemas.find(id);
    if (schema === undefined) {
      if (this.#unknown.size >= unknownLimit) this.#unknown.clear();
      this.#unknown.set(id, this.#options.clock.now() + unknownFor);
      return;
    }
    const plans = this.#plans.get(topic) ?? new Map<number, Plan>();
    plans.set(id, plan(this.#type(topic), schema, id));
    this.#plans.set(topic, plans);
  }
}

function schemaIdOf(value: Buffer | null): number | undefined {
  return value !== null && value[0] === 0 && value.length >= prefixLength ? value.readInt32BE(1) : undefined;
}

function plan(reader: Type, schema: string, id: number): Plan {
  try {
    const writer = parseSchema(schema);
    return { writer, resolver: reader.equals(writer) ? undefined : reader.createResolver(writer) };
  } catch (error) {
    return { mismatch: `schema ${id} cannot be read as ${reader.name ?? 'this topic'}: ${reasonOf(error)}` };
  }
}

/** The value is what the reader's schema says, so whoever knows the topic knows its type. */
function readAvro(reader: Type, plan: { resolver: Resolver | undefined }, bytes: Buffer): { value: unknown } | Reject {
  try {
    const { value, offset } = reader.decode(bytes, prefixLength, plan.resolver);
    if (offset < 0) return { code: 'truncated', reason: 'the value ends in the middle of the record' };
    if (offset === bytes.length) return { value };
    return { code: 'schema-mismatch', reason: `${bytes.length - offset} bytes are left after the record` };
  } catch (error) {
    const reason = reasonOf(error);
    return { code: reason.startsWith('truncated') ? 'truncated' : 'schema-mismatch', reason };
  }
}

function invalidPaths(type: Type, record: unknown, error: unknown): string {
  const paths: string[] = [];
  type.isValid(record, { errorHook: (path, value) => paths.push(`${path.join('.')} cannot be ${String(value)}`) });
  return paths.length === 0 ? reasonOf(error) : paths.slice(0, 3).join(', ');
}
