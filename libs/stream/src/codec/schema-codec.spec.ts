import { array, assert, asyncProperty, nat, oneof, tuple, uint8Array } from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type RecordOf, type Text, type TopicName, topics } from '#libs/events';
import { MemorySchemas } from '../testing/memory-schemas.ts';
import { SchemaCodec } from './schema-codec.ts';

const examples = join(import.meta.dirname, '../../../../schemas/examples');
const names = Object.keys(topics) as TopicName[];

let now: number;
let schemas: MemorySchemas;
let codec: SchemaCodec;
beforeEach(() => {
  now = 1_700_000_000_000;
  schemas = new MemorySchemas();
  codec = open(schemas);
});

function open(schemas: MemorySchemas, acceptJson = true): SchemaCodec {
  return new SchemaCodec({
    schemas,
    clock: { now: () => now },
    topicPrefix: '',
    acceptJson,
    maximumTextBytes: 1_048_576,
  });
}

async function decode(topic: TopicName, value: Buffer | null, timestamp = 0) {
  await codec.prepare(topic, [value]);
  return codec.decode(topic, value, timestamp);
}

function wire(id: number, payload: Buffer | number[]): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 0]);
  head.writeInt32BE(id, 1);
  return Buffer.concat([head, Buffer.from(payload)]);
}

const text: Text = { id: 't', model: 'm', text: 'x', occurredAt: 1, source: '', attributes: {} };

describe('records of schemas/examples', () => {
  it.each(names)('%s come back as they were', async (topic) => {
    const encode = await codec.encoder(topic);
    const folder = join(examples, topic, '1');
    for (const file of readdirSync(folder)) {
      const record = JSON.parse(readFileSync(join(folder, file), 'utf8')) as RecordOf<typeof topic>;
      const decoded = await decode(topic, encode(record));
      // Through UTF-8 a lone surrogate becomes U+FFFD.
      const expected: unknown = JSON.parse(JSON.stringify(record).replaceAll(/\\ud[89a-f][0-9a-f]{2}/gi, '\ufffd'));
      expect({ file, ...decoded }).toMatchObject({ file, ok: true, value: expected });
    }
  });

  it('gives texts longer than the scratch buffer', async () => {
    const encode = await codec.encoder('texts');
    const long = { ...text, text: 'ö'.repeat(524_288) };
    expect(await decode('texts', encode(long))).toMatchObject({ ok: true, value: long });
  });

  it('names the field that cannot be encoded', async () => {
    const encode = await codec.encoder('texts');
    expect(() => encode({ ...text, occurredAt: 1.5 })).toThrow(/texts: occurredAt cannot be 1.5/);
  });
});

describe('values nobody can use', () => {
  it('are rejected with a code and a reason', async () => {
    const encode = await codec.encoder('texts');
    const labels = await codec.encoder('labels');
    const good = encode(text);
    const id = good.readInt32BE(1);
    const label = { textId: 't', model: 'm', label: 'x', labeller: '', source: '', labelledAt: 1, confidence: null };
    const cases: [string, Buffer | null, string, RegExp][] = [
      ['no value', null, 'empty-value', /no value/],
      ['empty value', Buffer.alloc(0), 'empty-value', /no value/],
      ['garbage', Buffer.from('garbage'), 'unknown-magic', /first byte is 103/],
      ['three bytes', Buffer.from([0, 1, 2]), 'truncated', /3 bytes/],
      ['unknown id', wire(9999, [2, 0x61]), 'unknown-schema-id', /9999/],
      ['negative id', wire(-5, [2, 0x61]), 'unknown-schema-id', /-5/],
      ['cut', good.subarray(0, -2), 'truncated', /./],
      ['trailing bytes', Buffer.concat([good, Buffer.from('xyz')]), 'schema-mismatch', /3 bytes are left/],
      ['another topic', labels(label), 'schema-mismatch', /cannot be read as io.tidemill.Text/],
      ['a map of 2^40 entries', wire(id, [2, 0x61, 2, 0x61, 0, 2, 0, ...varint(2 ** 40)]), 'truncated', /more items/],
      ['empty id', encode({ ...text, id: '' }), 'invalid-record', /^id: must not be empty/],
      ['model name', encode({ ...text, model: 'Not A Model' }), 'invalid-record', /^model: /],
      ['too long', encode({ ...text, text: 'x'.repeat(1_048_577) }), 'invalid-record', /^text: has 1048577 bytes/],
      ['no time', encode({ ...text, occurredAt: 9e15 }), 'invalid-record', /^occurredAt: /],
    ];
    for (const [name, value, code, reason] of cases) {
      expect({ name, ...(await decode('texts', value)) }).toEqual({
        name,
        ok: false,
        reject: { code, reason: expect.stringMatching(reason) as string },
      });
    }
    expect(await decode('labels', labels({ ...label, confidence: 2 }))).toMatchObject({
      reject: { code: 'invalid-record', reason: 'confidence: must be between 0 and 1' },
    });
  });

  it('never throws, whatever the bytes', async () => {
    const encode = await codec.encoder('texts');
    const good = encode({ ...text, attributes: { a: 'b', group: 'c' } });
    const id = good.readInt32BE(1);
    const mutated = array(tuple(nat(good.length - 1), nat(255)), { minLength: 1, maxLength: 4 }).map((changes) => {
      const bytes = Buffer.from(good);
      for (const [at, byte] of changes) bytes[at] = byte;
      return bytes;
    });
    const payload = uint8Array({ maxLength: 64 }).map((bytes) => wire(id, Buffer.from(bytes)));
    const anything = uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
    await assert(
      asyncProperty(oneof(mutated, payload, anything), async (value) => {
        const decoded = await decode('texts', value);
        expect(typeof decoded.ok).toBe('boolean');
      }),
      { numRuns: 3000, seed: 7 },
    );
  });
});

describe('the schema registry', () => {
  it('is asked once for an unknown id, and again after a minute', async () => {
    const value = wire(77, [0]);
    for (let i = 0; i < 5; i++) await decode('texts', value);
    expect(schemas.lookups).toBe(1);
    now += 60_001;
    await decode('texts', value);
    expect(schemas.lookups).toBe(2);
  });

  it('being down is no reason to reject a record', async () => {
    const encode = await codec.encoder('texts');
    const value = encode(text);
    codec = open(schemas);
    schemas.unavailable = true;
    await expect(codec.prepare('texts', [value])).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
      retriable: true,
    });
    schemas.unavailable = false;
    expect(await decode('texts', value)).toMatchObject({ ok: true });
  });

  it('gives older writers’ records their defaults and leaves newer fields out', async () => {
    const declared = JSON.parse(topics.texts.schema) as { fields: { name: string }[] };
    const older = {
      ...declared,
      fields: declared.fields.filter(({ name }) => name !== 'attributes' && name !== 'source'),
    };
    const newer = {
      ...declared,
      fields: [...declared.fields, { name: 'extra', type: { type: 'map', values: 'long' } }],
    };
    const oldId = await schemas.register('texts-value', JSON.stringify(older), 'BACKWARD');
    const newId = await schemas.register('other', JSON.stringify(newer), 'BACKWARD');
    const oldValue = wire(oldId, [2, 0x74, 2, 0x6d, 2, 0x78, 2]);
    expect(await decode('texts', oldValue)).toMatchObject({ ok: true, value: { ...text, source: '', attributes: {} } });
    const newValue = wire(newId, [2, 0x74, 2, 0x6d, 2, 0x78, 2, 0, 0, 2, 2, 0x61, 2, 0]);
    expect(await decode('texts', newValue)).toMatchObject({ ok: true, value: text });
  });
});

describe('JSON', () => {
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));

  it('takes defaults, and the record’s time', async () => {
    expect(await decode('texts', json({ id: 'a', model: 'm', text: 'x' }), 5)).toEqual({
      ok: true,
      value: { id: 'a', model: 'm', text: 'x', occurredAt: 5, source: '', attributes: {} },
    });
    expect(await decode('labels', json({ textId: 'a', model: 'm', label: 'x' }), 5)).toEqual({
      ok: true,
      value: { textId: 'a', model: 'm', label: 'x', labeller: '', source: 'human', labelledAt: 5, confidence: null },
    });
  });

  it.each([
    ['2026-01-31T12:00:00Z', Date.UTC(2026, 0, 31, 12)],
    ['2026-01-31T12:00:00.250+02:00', Date.UTC(2026, 0, 31, 10, 0, 0, 250)],
    [1_700_000_000_000, 1_700_000_000_000],
  ])('takes the time %s', async (occurredAt, milliseconds) => {
    const decoded = await decode('texts', json({ id: 'a', model: 'm', text: 'x', occurredAt }));
    expect(decoded).toMatchObject({ ok: true, value: { occurredAt: milliseconds } });
  });

  it.each([
    ['{"id":', 'invalid-json', /not JSON/],
    ['{"id":"a","model":"m"}', 'invalid-record', /^text: is missing$/],
    ['{"id":1,"model":"m","text":"x"}', 'invalid-record', /^id: must be a string$/],
    ['{"id":null,"model":"m","text":"x"}', 'invalid-record', /^id: must be a string$/],
    ['{"id":"a","model":"M","text":"x"}', 'invalid-record', /^model: /],
    [
      '{"id":"a","model":"m","text":"x","occurredAt":"yesterday"}',
      'invalid-record',
      /^occurredAt: must be an RFC 3339/,
    ],
    ['{"id":"a","model":"m","text":"x","occurredAt":1.5}', 'invalid-record', /^occurredAt: /],
    ['{"id":"a","model":"m","text":"x","attributes":{"n":1}}', 'invalid-record', /^attributes.n: must be a string$/],
    ['{"id":"a","model":"m","text":"x","attributes":[]}', 'invalid-record', /^attributes: must be an object$/],
  ])('%s is rejected', async (value, code, reason) => {
    expect(await decode('texts', Buffer.from(value))).toEqual({
      ok: false,
      reject: { code, reason: expect.stringMatching(reason) as string },
    });
  });

  it('must be UTF-8, and lone surrogates become U+FFFD', async () => {
    const broken = Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(await decode('texts', broken)).toMatchObject({ reject: { code: 'invalid-json' } });
    const lone = Buffer.from('{"id":"a","model":"m","text":"a\\ud83d"}');
    expect(await decode('texts', lone)).toMatchObject({ ok: true, value: { text: 'a\ufffd' } });
  });

  it('is accepted on texts and labels only, and by setting', async () => {
    expect(await decode('predictions', json({}))).toMatchObject({ reject: { code: 'unknown-magic' } });
    codec = open(schemas, false);
    expect(await decode('texts', json({}))).toMatchObject({ reject: { code: 'unknown-magic' } });
  });
});

/** Avro's zig-zag variable-length form of a non-negative integer. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}
