import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { knownKeys, metricDefinitions } from '#libs/platform';
import { buildProgram } from '../../apps/cli/src/program.ts';
import { misunderstood } from './command-words.ts';

/** What the pages name is there: files, headings, scripts, commands, settings. What they say is tested elsewhere. */

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = globSync(['*.md', 'docs/**/*.md', 'schemas/*.md'], { cwd: root }).map((path) =>
  path.replaceAll('\\', '/'),
);
const program = buildProgram();
const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(read('package.json')));
const topLevel = new Set(readdirSync(root));

describe.each(pages)('%s', (page) => {
  const text = read(page);
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '');
  const commands = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => block.split('\n'));
  const quoted = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, word = '']) => word);

  it('links to what there is', () => {
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !link.includes('://'));
    const dead = links.filter((link) => {
      const [path = '', heading] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(root, target))) return true;
      return heading !== undefined && !anchors(read(target)).has(heading);
    });
    expect(dead).toEqual([]);
  });

  it('names files that there are', () => {
    const paths = quoted.filter(
      (word) => /^[\w.-]+(\/[\w.-]+)+\/?$/.test(word) && topLevel.has(word.split('/')[0] ?? ''),
    );
    // `dist` is built.
    expect(paths.filter((path) => !path.startsWith('dist/') && !existsSync(join(root, path)))).toEqual([]);
  });

  it('names scripts that there are', () => {
    const named = [...text.matchAll(/\bnpm (?:run )?(start|test|run [\w-]+|check|generate|bench|build)\b/g)];
    const unknown = named
      .map(([, name = '']) => name.replace('run ', ''))
      .filter((name) => scripts[name] === undefined);
    expect(unknown).toEqual([]);
  });

  it('gives commands that are understood', () => {
    const given = [...commands, ...quoted].flatMap(
      (line) => /^(?:npx )?tidemill ([a-z].*?)(?: #.*)?$/.exec(line)?.[1] ?? [],
    );
    const refused = given.flatMap((line) => misunderstood(program, line).map((why) => `${line}: ${why}`));
    const up = commands.flatMap((line) => /^npm start -- (.*?)(?: #.*)?$/.exec(line)?.[1] ?? []);
    refused.push(...up.flatMap((flags) => misunderstood(program, `up ${flags}`)));
    expect(refused).toEqual([]);
  });

  it('runs files that there are', () => {
    const files = commands.flatMap((line) => /(?:^node(?: --\S+)*|^npx vitest run) ([\w./-]+)/.exec(line)?.[1] ?? []);
    const missing = files.filter((file) => !existsSync(join(root, file.replace(/^dist\/(.*)\.js$/, '$1.ts'))));
    expect(missing).toEqual([]);
  });

  it('names settings and metrics that there are', () => {
    const keys = [...knownKeys().keys()];
    const sections = new Set(keys.filter((key) => key.includes('.')).map((key) => key.split('.')[0]));
    const settings = quoted.filter((word) => /^[a-z]\w*(\.[a-z]\w*)+$/i.test(word) && sections.has(word.split('.')[0]));
    const unknown = settings.filter((word) => !keys.some((key) => key === word || key.startsWith(`${word}.`)));
    const metrics = quoted.filter((word) => /^tidemill_\w+$/.test(word) && word !== 'tidemill_');
    expect([...unknown, ...metrics.filter((word) => !(word in metricDefinitions))]).toEqual([]);
  });
});

describe('docs/adr/README.md', () => {
  it('lists every decision', () => {
    const decisions = readdirSync(join(root, 'docs/adr')).filter((file) => /^\d{4}-/.test(file));
    const listed = [...read('docs/adr/README.md').matchAll(/\]\((\d{4}-[\w-]+\.md)\)/g)].map(([, file = '']) => file);
    expect(listed).toEqual(decisions.toSorted());
  });
});

/** The anchors that a page's headings get. */
function anchors(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
