/** Writes infra/config/tidemill.yaml, every key with its default and a sentence, from the schema. `--check` only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { knownKeys } from '../src/config/load.ts';

const target = join(import.meta.dirname, '../../../infra/config/tidemill.yaml');
const lines = [
  '# Every key of Tidemill with its default. Copy what you change into a file of your own: `--config FILE`.',
  '# Stronger than the file: the environment, TIDEMILL__KAFKA__BROKERS=a:9092,b:9092. Durations: 500ms, 30s, 10m, 1h, 7d.',
  '# Generated from libs/platform/src/config/schema.ts by `npm run generate`; do not edit.',
];
let open: string[] = [];
for (const [key, { description, default: value }] of knownKeys()) {
  const path = key.split('.');
  const sections = path.slice(0, -1);
  for (const [depth, name] of sections.entries()) {
    if (open.slice(0, depth + 1).join('.') === sections.slice(0, depth + 1).join('.')) continue;
    if (depth === 0) lines.push('');
    lines.push(`${'  '.repeat(depth)}${name}:`);
  }
  open = sections;
  const indent = '  '.repeat(sections.length);
  lines.push(
    `${indent}# ${description}`,
    `${indent}${path.at(-1) ?? ''}: ${stringify(value, { collectionStyle: 'flow' }).trim()}`,
  );
}
const text = `${lines.join('\n')}\n`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('infra/config/tidemill.yaml is not what the schema says: run `npm run generate`');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
