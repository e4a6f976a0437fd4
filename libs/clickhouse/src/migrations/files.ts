import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { clickhouseError } from '../errors.ts';

export interface Migration {
  version: number;
  /** File name. */
  name: string;
  /** sha256 of the text, line ends as \n. */
  digest: string;
  text: string;
}

const filePattern = /^(\d{4})-[a-z0-9-]+\.sql$/;

/** The folder schemas/tables of this installation, from source and from the build alike. */
export function migrationsDirectory(): string {
  for (let at = import.meta.dirname; dirname(at) !== at; at = dirname(at)) {
    const candidate = join(at, 'schemas', 'tables');
    if (existsSync(candidate)) return candidate;
  }
  throw clickhouseError('MIGRATION_INVALID', { detail: 'the folder schemas/tables is missing' });
}

/**
 * The numbered files of a folder, in order.
 * @throws TidemillError MIGRATION_INVALID for a name of another form or a gap in the numbers.
 */
export function readMigrations(directory: string): Migration[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.sql'));
  return names.toSorted().map((name, index) => {
    const version = Number(filePattern.exec(name)?.[1]);
    if (version !== index + 1) {
      throw clickhouseError('MIGRATION_INVALID', {
        detail: `${name}: files are named 0001-what-it-does.sql and numbered without gaps`,
      });
    }
    const text = readFileSync(join(directory, name), 'utf8').replaceAll('\r\n', '\n');
    return { version, name, digest: createHash('sha256').update(text).digest('hex'), text };
  });
}
