import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseSchema } from '../../libs/stream/src/codec/bounded-types.ts';

/** Topics, records and examples against each other. That tables fit the records is tested in libs/clickhouse. */

const root = join(import.meta.dirname, '../..');
const schemas = join(root, 'schemas');
const read = (...path: string[]) => readFileSync(join(schemas, ...path), 'utf8');

const party = z.enum([...readdirSync(join(root, 'apps')), 'any Kafka client']);
const topic = z.strictObject({
  topic: z.string().regex(/^[a-z]+(-[a-z]+)*$/),
  description: z.string().regex(/^[A-Z].*\.$/),
  record: z.string(),
  schema: z.string(),
  compatibility: z.enum(['BACKWARD', 'FULL_TRANSITIVE']),
  key: z.string().min(1),
  partitions: z.number().int().min(1),
  cleanupPolicy: z.enum(['delete', 'compact']),
  retention: z.string().regex(/^(\d+[dh]|forever)$/),
  deadLetter: z.boolean(),
  producers: z.array(party).min(1),
  consumers: z.array(party).min(1),
});
const topics = readdirSync(join(schemas, 'topics')).map((file) => ({
  file,
  ...topic.parse(parse(read('topics', file))),
}));

const field = z.looseObject({
  name: z.string().regex(/^[a-z][A-Za-z0-9]*$/),
  doc: z.string().min(3),
  type: z.unknown(),
});
const record = z.looseObject({
  type: z.literal('record'),
  name: z.string(),
  doc: z.string().min(3),
  fields: z.array(field),
});

describe.each(topics)('topic $topic', (declared) => {
  const schema = record.parse(JSON.parse(read(declared.schema)));
  const type = parseSchema(JSON.stringify(schema));
  const folder = join(schemas, 'examples', declared.topic, '1');

  it('has one name in its file, its record and its schema', () => {
    expect(declared.file).toBe(`${declared.topic}.yaml`);
    expect(schema.name).toBe(declared.record);
    const words = declared.record.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
    expect(declared.schema).toBe(`events/${words}.v1.avsc`);
  });

  it('says what every field is', () => {
    expect(undocumented(schema)).toEqual([]);
  });

  it('keeps what is compacted for ever, and the newest version of each model compatible both ways', () => {
    if (declared.cleanupPolicy === 'compact') expect(declared.retention).toBe('forever');
    expect(declared.compatibility).toBe(declared.topic === 'model-versions' ? 'FULL_TRANSITIVE' : 'BACKWARD');
  });

  it.each(readdirSync(folder))('example %s becomes the same record again', (file) => {
    const example: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const bytes = type.toBuffer(example);
    const again: unknown = JSON.parse(JSON.stringify(type.fromBuffer(bytes)));
    expect(again).toEqual(wellFormed(example));
    expect(Object.keys(z.looseObject({}).parse(example)).toSorted()).toEqual(
      schema.fields.map(({ name }) => name).toSorted(),
    );
  });

  it('refuses a record without one of its fields', () => {
    const [file = ''] = readdirSync(folder);
    const example = z.looseObject({}).parse(JSON.parse(readFileSync(join(folder, file), 'utf8')));
    const required = schema.fields.filter((one) => !('default' in one)).map(({ name }) => name);
    expect(required.length).toBeGreaterThan(0);
    for (const name of required) {
      const { [name]: _, ...rest } = example;
      expect(type.isValid(rest), name).toBe(false);
    }
  });
});

describe('schemas', () => {
  it('has no record and no example without a topic', () => {
    expect(
      readdirSync(join(schemas, 'events'))
        .map((file) => `events/${file}`)
        .toSorted(),
    ).toEqual(topics.map(({ schema }) => schema).toSorted());
    expect(readdirSync(join(schemas, 'examples')).toSorted()).toEqual(topics.map((one) => one.topic).toSorted());
    expect(topics.every(({ schema }) => existsSync(join(schemas, schema)))).toBe(true);
  });

  it.each([
    'libs/events/scripts/generate.ts',
    'libs/platform/scripts/generate-config.ts',
    'infra/bin/generate-docs.ts',
  ])('what %s writes is up to date', (script) => {
    const { status, stderr } = spawnSync('node', ['--conditions=tidemill-source', script, '--check'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('are the topics of docs/architecture.md', () => {
    const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
    const rows = [
      ...page.matchAll(/^\| `([a-z-]+)` \| ([^|]+) \| (\d+) \| (delete|compact) \| ([^|]+) \| ([^|]+) \|$/gm),
    ];
    expect(rows.map(([, ...cells]) => cells.join(' | ')).toSorted()).toEqual(
      topics
        .map((one) => [
          one.topic,
          one.key,
          one.partitions,
          one.cleanupPolicy,
          listed(one.producers),
          listed(one.consumers),
        ])
        .map((cells) => cells.join(' | '))
        .toSorted(),
    );
  });
});

const listed = (parties: readonly string[]) => parties.join(', ');

/** Paths of fields, at any depth, without a word about them. */
function undocumented(node: unknown, path = ''): string[] {
  if (Array.isArray(node)) return node.flatMap((one) => undocumented(one, path));
  if (typeof node !== 'object' || node === null) return [];
  const parsed = record.safeParse(node);
  if (parsed.success) return parsed.data.fields.flatMap((one) => undocumented(one.type, `${path}.${one.name}`));
  const { type, items, values } = z.looseObject({ type: z.unknown() }).parse(node);
  if (type === 'record') return [path];
  return [type, items, values].flatMap((one) => undocumented(one, path));
}

/** UTF-8 has no lone surrogates: they become U+FFFD on their way through bytes. */
function wellFormed(node: unknown): unknown {
  if (typeof node === 'string') return node.toWellFormed();
  if (Array.isArray(node)) return node.map(wellFormed);
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, wellFormed(value)]));
}
