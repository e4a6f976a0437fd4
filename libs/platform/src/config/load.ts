import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { defineErrors } from '../errors.ts';
import { type Configuration, configurationSchema, secretKeys } from './schema.ts';

export const configurationError = defineErrors({
  CONFIGURATION_UNREADABLE: { message: 'the configuration file cannot be read', retriable: false },
  CONFIGURATION_INVALID: { message: 'the configuration is not valid', retriable: false },
});

/** Where an effective value came from. */
export type Origin = 'default' | 'file' | 'environment' | 'option';

export interface LoadOptions {
  /** YAML files under `file`, weakest first: what a stream recommends. */
  under?: readonly string[];
  /** YAML file; unset: none. */
  file?: string | undefined;
  /** The process environment: `TIDEMILL__KAFKA__BROKERS=a:9092`. */
  env: Record<string, string | undefined>;
  /** Dotted keys set on the command line; strongest. */
  overrides?: Record<string, unknown>;
}

export interface LoadedConfiguration {
  config: Configuration;
  /** Dotted key to origin, for every key that is not a default. */
  origins: Map<string, Origin>;
}

type Tree = { [key: string]: unknown };

/**
 * Reads defaults, then the files, then the environment, then the options, each over the one before.
 * @throws TidemillError CONFIGURATION_INVALID with key, reason and nearest known key.
 */
export function loadConfig(options: LoadOptions): LoadedConfiguration {
  const known = knownKeys();
  const origins = new Map<string, Origin>();
  const tree: Tree = {};
  const put = (key: string, value: unknown, origin: Origin) => {
    setKey(tree, key.split('.'), value);
    origins.set(key, origin);
  };
  for (const file of [...(options.under ?? []), options.file]) {
    if (file === undefined) continue;
    for (const [key, value] of leaves(readYaml(file))) put(key, value, 'file');
  }
  for (const [name, value] of Object.entries(options.env)) {
    if (!name.startsWith('TIDEMILL__') || value === undefined) continue;
    const key = environmentKey(name, known);
    put(key, coerce(value, known.get(key)), 'environment');
  }
  for (const [key, value] of Object.entries(options.overrides ?? {})) {
    if (value !== undefined) put(key, value, 'option');
  }
  for (const key of origins.keys()) if (!known.has(key)) throw unknownKey(key, known);
  const parsed = configurationSchema.safeParse(tree);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const key = issue?.path.join('.') ?? '';
    throw configurationError('CONFIGURATION_INVALID', {
      detail: `${key}: ${issue?.message ?? 'not valid'} (${String(origins.get(key) ?? 'file')})`,
    });
  }
  return { config: parsed.data, origins };
}

function readYaml(file: string): Tree {
  try {
    const content: unknown = parse(readFileSync(file, 'utf8')) ?? {};
    if (typeof content === 'object' && !Array.isArray(content)) return content as Tree;
  } catch (cause) {
    throw configurationError('CONFIGURATION_UNREADABLE', {
      detail: `${file}: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    });
  }
  throw configurationError('CONFIGURATION_UNREADABLE', { detail: `${file}: the top level must be a mapping` });
}

/** Dotted key to the JSON type of its default, from the schema itself. */
export function knownKeys(): Map<string, { type: string; description: string; default: unknown }> {
  const keys = new Map<string, { type: string; description: string; default: unknown }>();
  const walk = (schema: { properties?: Record<string, unknown> }, path: string[]) => {
    for (const [name, value] of Object.entries(schema.properties ?? {})) {
      const property = value as {
        type?: string;
        properties?: Record<string, unknown>;
        description?: string;
        default?: unknown;
      };
      if (property.properties !== undefined) walk(property, [...path, name]);
      else
        keys.set([...path, name].join('.'), {
          type: property.type ?? 'string',
          description: property.description ?? '',
          default: property.default,
        });
    }
  };
  walk(z.toJSONSchema(configurationSchema, { io: 'input' }) as { properties: Record<string, unknown> }, []);
  return keys;
}

function* leaves(tree: Tree, path: string[] = []): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(tree)) {
    const here = [...path, name];
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) yield* leaves(value as Tree, here);
    else yield [here.join('.'), value];
  }
}

function setKey(tree: Tree, path: string[], value: unknown): void {
  const [head = '', ...rest] = path;
  if (rest.length === 0) tree[head] = value;
  else setKey((tree[head] ??= {}) as Tree, rest, value);
}

/** `TIDEMILL__KAFKA__TOPIC_PREFIX` and `TIDEMILL__KAFKA__TOPICPREFIX` both name kafka.topicPrefix. */
function environmentKey(name: string, known: ReadonlyMap<string, unknown>): string {
  const wanted = name.slice('TIDEMILL__'.length).replaceAll('__', '.').replaceAll('_', '').toLowerCase();
  for (const key of known.keys()) if (key.toLowerCase() === wanted) return key;
  throw unknownKey(wanted, known, name);
}

function coerce(value: string, key: { type: string } | undefined): unknown {
  if (key?.type === 'number' || key?.type === 'integer') return value.trim() === '' ? value : Number(value);
  if (key?.type === 'boolean')
    return value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value;
  if (key?.type === 'array') return value.split(',').map((part) => part.trim());
  return value;
}

function unknownKey(key: string, known: ReadonlyMap<string, unknown>, name = key): Error {
  const nearest = [...known.keys()].toSorted(
    (a, b) => distance(a.toLowerCase(), key.toLowerCase()) - distance(b.toLowerCase(), key.toLowerCase()),
  )[0];
  return configurationError('CONFIGURATION_INVALID', {
    detail: `unknown key ${name}; did you mean ${nearest ?? 'none'}?`,
  });
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Every key with its value (secrets masked) and origin, for `tidemill config print`. */
export function describeConfig({
  config,
  origins,
}: LoadedConfiguration): { key: string; value: unknown; origin: Origin }[] {
  return [...leaves(config as Tree)].map(([key, value]) => ({
    key,
    value: secretKeys.test(key) && value !== '' ? '********' : value,
    origin: origins.get(key) ?? 'default',
  }));
}
