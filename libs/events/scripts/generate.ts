/**
 * Writes libs/events/src/generated.ts from schemas/topics and schemas/events: one TypeScript type a record and one
 * definition a topic. `--check` writes nothing and fails when the file is not what the schemas say.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

type AvroType = string | AvroType[] | { type: string; items?: AvroType; values?: AvroType; logicalType?: string };
interface AvroField {
  name: string;
  type: AvroType | AvroRecord;
  doc: string;
}
interface AvroRecord {
  type: 'record';
  name: string;
  doc: string;
  fields: AvroField[];
}

const root = join(import.meta.dirname, '../../..');
const target = join(root, 'libs/events/src/generated.ts');
const durations: Record<string, number> = { d: 86_400_000, h: 3_600_000 };

const interfaces: string[] = [];

function isRecord(type: unknown): type is AvroRecord {
  return typeof type === 'object' && type !== null && 'fields' in type;
}

function typeScriptType(type: AvroField['type']): string {
  if (isRecord(type)) return declare(type);
  if (Array.isArray(type)) return type.map(typeScriptType).join(' | ');
  if (typeof type === 'object') {
    if (type.type === 'array' && type.items !== undefined) return `${typeScriptType(type.items)}[]`;
    if (type.type === 'map' && type.values !== undefined) return `Record<string, ${typeScriptType(type.values)}>`;
    return typeScriptType(type.type);
  }
  if (['int', 'long', 'float', 'double'].includes(type)) return 'number';
  return type;
}

function declare(record: AvroRecord): string {
  const lines = record.fields.map((field) => {
    const millis = typeof field.type === 'object' && 'logicalType' in field.type ? ' Epoch milliseconds.' : '';
    return `  /** ${field.doc}${millis} */\n  ${field.name}: ${typeScriptType(field.type)};`;
  });
  interfaces.push(`/** ${record.doc} */\nexport interface ${record.name} {\n${lines.join('\n')}\n}`);
  return record.name;
}

function retention(text: string): number {
  const match = /^(\d+)([dh])$/.exec(text);
  return match === null ? -1 : Number(match[1]) * (durations[match[2] ?? ''] ?? 0);
}

const definitions = readdirSync(join(root, 'schemas/topics'))
  .filter((file) => file.endsWith('.yaml'))
  .toSorted()
  .map((file) => parse(readFileSync(join(root, 'schemas/topics', file), 'utf8')) as Record<string, string>)
  .map((topic) => {
    const schema = JSON.parse(readFileSync(join(root, 'schemas', topic['schema'] ?? ''), 'utf8')) as AvroRecord;
    declare(schema);
    const definition = {
      topic: topic['topic'],
      record: topic['record'],
      description: topic['description'],
      key: topic['key'],
      partitions: topic['partitions'],
      cleanupPolicy: topic['cleanupPolicy'],
      retentionMilliseconds: retention(topic['retention'] ?? ''),
      compatibility: topic['compatibility'],
      deadLetter: topic['deadLetter'],
      schema: JSON.stringify(schema),
    };
    return { name: topic['topic'] ?? '', record: schema.name, source: JSON.stringify(definition, null, 2) };
  });

const text = `// Generated from schemas/ by \`npm run generate\`; do not edit.

${interfaces.join('\n\n')}

/** Topic name to the record it carries. */
export interface TopicRecords {
${definitions.map((d) => `  '${d.name}': ${d.record};`).join('\n')}
}

/** Every topic as schemas/topics declares it. */
export const topics = {
${definitions.map((d) => `'${d.name}': ${d.source}`).join(',\n')}
} as const;
`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('libs/events/src/generated.ts is not what schemas/ says: run `npm run generate`');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
