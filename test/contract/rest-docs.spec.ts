import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../apps/cli/src/program.ts';
import { openApiDocument } from '../../apps/gateway/src/openapi/document.ts';
import { commandOf, misunderstood } from './command-words.ts';

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

describe('docs/rest.md', () => {
  const text = read('rest.md');
  const documented = [...text.matchAll(/^\| `(GET|POST) (\S+?)` \|/gm)].map(([, method, path]) => `${method} ${path}`);

  it('names every endpoint there is, and no other', () => {
    const { paths } = openApiDocument('1');
    const known = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.toSorted()).toEqual(known.toSorted());
  });

  it('shows requests to endpoints there are, with bodies that are JSON', () => {
    const asked = [...text.matchAll(/curl \S+ '?localhost:8080([^\s'?]+)/g)].map(([, path = '']) => path);
    const { paths } = openApiDocument('1');
    const templates = Object.keys(paths).map((path) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`));
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.filter((path) => !templates.some((template) => template.test(path)))).toEqual([]);
    for (const [, body = ''] of text.matchAll(/-d '([^']+)'/g)) expect(() => void JSON.parse(body)).not.toThrow();
  });
});

describe('docs/cli.md', () => {
  const lines = [...read('cli.md').matchAll(/^tidemill (.+)$/gm)].map(([, line = '']) => line);
  const program = buildProgram();

  it.each(lines)('tidemill %s is understood', (line) => {
    expect(misunderstood(program, line)).toEqual([]);
  });

  it('names every command', () => {
    const named = new Set(lines.map((line) => path(program, line.split(' '))));
    expect(leaves(program).filter((name) => !named.has(name))).toEqual([]);
  });
});

function path(program: Command, words: readonly string[]): string {
  const { command } = commandOf(program, words);
  const names: string[] = [];
  for (let one: Command | null = command; one?.parent != null; one = one.parent) names.unshift(one.name());
  return names.join(' ');
}

function leaves(command: Command, prefix = ''): string[] {
  const name = `${prefix}${command.parent === null ? '' : command.name()}`.trim();
  if (command.commands.length === 0) return [name];
  return command.commands.flatMap((one) => leaves(one, `${name} `));
}
