import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const { forbidden } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs')) as {
  forbidden: { name: string; comment: string }[];
};

/** Libs by rank, as docs/architecture.md has them. */
const ranks = [
  ...readFileSync(join(root, 'docs/architecture.md'), 'utf8').matchAll(/^\| (\d) \| ((?:`\w+`(?:, )?)+) \|/gm),
].map(([, , libs = '']) => [...libs.matchAll(/\w+/g)].map(([lib]) => lib));
const libs = ranks.flat();
const rankOf = (lib: string) => ranks.findIndex((rank) => rank.includes(lib));

/** A file that breaks each rule, and what it imports. */
const offences: Record<string, { file: string; imports: string; also?: Record<string, string> }> = {
  'libs-do-not-import-apps': { file: 'libs/stream/src/to-app.ts', imports: '../../../apps/gateway/src/main.ts' },
  'apps-do-not-import-apps': { file: 'apps/inference/src/to-app.ts', imports: '../../gateway/src/main.ts' },
  'cli-imports-only-standalone': { file: 'apps/cli/src/to-app.ts', imports: '../../gateway/src/main.ts' },
  'libs-through-their-index': { file: 'apps/gateway/src/to-inside.ts', imports: '../../../libs/stream/src/inside.ts' },
  'product-does-not-import-tests': { file: 'apps/gateway/src/to-test.ts', imports: './testing/double.ts' },
  'pure-libs-are-pure': { file: 'libs/statistics/src/to-disk.ts', imports: 'node:fs' },
  'no-cycles': {
    file: 'apps/gateway/src/round.ts',
    imports: './about.ts',
    also: { 'apps/gateway/src/about.ts': './round.ts' },
  },
  'only-stream-knows-kafkajs': { file: 'apps/gateway/src/to-kafka.ts', imports: 'kafkajs' },
  'only-stream-knows--kafkajs-confluent-schema-registry': {
    file: 'apps/gateway/src/to-registry.ts',
    imports: '@kafkajs/confluent-schema-registry',
  },
  'only-clickhouse-knows--clickhouse-client': { file: 'libs/stream/src/to-server.ts', imports: '@clickhouse/client' },
  'only-clickhouse-knows-chdb': { file: 'apps/monitoring/src/to-engine.ts', imports: 'chdb' },
  'only-model-knows-onnxruntime-node': { file: 'apps/inference/src/to-runtime.ts', imports: 'onnxruntime-node' },
  'only-tokenizer-knows--huggingface-tokenizers': {
    file: 'libs/model/src/to-library.ts',
    imports: '@huggingface/tokenizers',
  },
  'only-platform-knows--prometheus-io-client': {
    file: 'apps/gateway/src/to-metrics.ts',
    imports: '@prometheus-io/client',
  },
};

/** What nothing may be said against: each is the legal neighbour of an offence. */
const legal: Record<string, string> = {
  'libs/stream/src/kafka.ts': 'kafkajs',
  'libs/clickhouse/src/engine.ts': 'chdb',
  'libs/tokenizer/src/library.ts': '@huggingface/tokenizers',
  'libs/platform/src/metrics.ts': '@prometheus-io/client',
  'libs/platform/src/disk.ts': 'node:fs',
  'apps/standalone/src/all.ts': '../../gateway/src/main.ts',
  'apps/cli/src/up.ts': '../../standalone/src/all.ts',
  'apps/gateway/src/through-the-index.ts': '#libs/stream',
  'apps/gateway/src/double.spec.ts': './testing/double.ts',
};

const pairFile = (from: string, to: string) => `libs/${from}/src/uses-${to}.ts`;

let directory: string;
let violations: { rule: string; from: string }[];
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemill-boundaries-'));
  const put = (path: string, content: string) => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  };
  for (const name of ['.dependency-cruiser.cjs', 'package.json', 'tsconfig.json']) {
    copyFileSync(join(root, name), join(directory, name));
  }
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  for (const lib of libs) put(`libs/${lib}/src/index.ts`, `export const ${lib} = 1;\n`);
  for (const path of ['libs/stream/src/inside.ts', 'apps/gateway/src/main.ts', 'apps/gateway/src/testing/double.ts']) {
    put(path, 'export const here = 1;\n');
  }
  for (const { file, imports, also = {} } of Object.values(offences)) {
    for (const [path, target] of Object.entries({ [file]: imports, ...also })) put(path, `import '${target}';\n`);
  }
  for (const [path, target] of Object.entries(legal)) put(path, `import '${target}';\n`);
  for (const from of libs) for (const to of libs) if (from !== to) put(pairFile(from, to), `import '#libs/${to}';\n`);
  const { stdout, stderr } = spawnSync('depcruise', ['libs', 'apps', '--output-type', 'json'], {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (!stdout.startsWith('{')) throw new Error(`depcruise: ${stdout}${stderr}`);
  const report = JSON.parse(stdout) as { summary: { violations: { rule: { name: string }; from: string }[] } };
  violations = report.summary.violations.map(({ rule, from }) => ({ rule: rule.name, from }));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const rulesAt = (file: string) => violations.filter(({ from }) => from === file).map(({ rule }) => rule);

describe('.dependency-cruiser.cjs', () => {
  it('has an offence here for every rule, and says why in each', () => {
    const byRank = libs.map((lib) => `rank-${rankOf(lib)}-${lib}`);
    expect(forbidden.map(({ name }) => name).toSorted()).toEqual([...byRank, ...Object.keys(offences)].toSorted());
    expect(forbidden.filter(({ comment }) => comment.length < 20)).toEqual([]);
  });

  it.each(Object.entries(offences))('%s fires', (rule, { file, also = {} }) => {
    // A cycle is reported at one of its files.
    expect([file, ...Object.keys(also)].flatMap(rulesAt)).toContain(rule);
  });

  it.each(Object.keys(legal))('nothing is said against %s', (file) => {
    expect(rulesAt(file)).toEqual([]);
  });

  it.each(libs)('libs/%s may import what has a lower rank, and nothing else', (from) => {
    const refused = libs.filter((to) => rulesAt(pairFile(from, to)).includes(`rank-${rankOf(from)}-${from}`));
    expect(refused).toEqual(libs.filter((to) => to !== from && rankOf(to) >= rankOf(from)));
  });

  it('ranks every lib', () => {
    expect(readdirSync(join(root, 'libs')).toSorted()).toEqual(libs.toSorted());
  });
});
