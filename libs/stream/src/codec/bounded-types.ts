/* oxlint-disable no-underscore-dangle -- the names are those of avsc */
import avsc from 'avsc';

/** What avsc reads from and writes to; not part of its published types. */
interface Tap {
  buf: Buffer;
  pos: number;
  readLong(): number;
  skipLong(): void;
  readString(): string | undefined;
}

declare module 'avsc' {
  interface Type {
    _read(tap: Tap): unknown;
    _write(tap: Tap, value: unknown): void;
    _skip(tap: Tap): void;
  }
}

/**
 * Items of the next block. avsc believes the count it reads, so eight bytes of garbage keep it busy for hours; an item
 * takes at least a byte, so a count beyond the bytes that are left is a truncated record.
 */
function blockSize(tap: Tap): number {
  let items = tap.readLong();
  if (items < 0) {
    items = -items;
    tap.skipLong();
  }
  if (items > tap.buf.length - tap.pos) throw new RangeError('truncated buffer: a block claims more items than bytes');
  return items;
}

class BoundedArray extends avsc.types.ArrayType {
  override _read(tap: Tap): unknown[] {
    const values: unknown[] = [];
    for (let items = blockSize(tap); items > 0; items = blockSize(tap)) {
      for (; items > 0; items--) values.push(this.itemsType._read(tap));
    }
    return values;
  }

  override _skip(tap: Tap): void {
    this._read(tap);
  }
}

class BoundedMap extends avsc.types.MapType {
  declare readonly valuesType: avsc.Type;

  override _read(tap: Tap): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    for (let items = blockSize(tap); items > 0; items = blockSize(tap)) {
      for (; items > 0; items--) {
        const key = tap.readString() ?? '';
        values[key] = this.valuesType._read(tap);
      }
    }
    return values;
  }

  override _skip(tap: Tap): void {
    this._read(tap);
  }
}

/** avsc writes a lone surrogate as three bytes that are no UTF-8, which other readers refuse or read as three characters. */
class WellFormedString extends avsc.types.StringType {
  override _write(tap: Tap, value: unknown): void {
    super._write(tap, typeof value === 'string' && !value.isWellFormed() ? value.toWellFormed() : value);
  }
}

/** An Avro type from its JSON; long is a number (values beyond 2^53 are refused), timestamps are epoch milliseconds. */
export function parseSchema(schema: string): avsc.Type {
  return avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema, { typeHook, omitRecordMethods: true });
}

function typeHook(schema: avsc.Schema, options: object): avsc.Type | undefined {
  if (schema === 'string') return new WellFormedString();
  if (typeof schema !== 'object' || schema === null || !('type' in schema)) return undefined;
  if (schema.type === 'array') return new BoundedArray(schema, options);
  if (schema.type === 'map') return new BoundedMap(schema, options);
  return undefined;
}
