// `npm run check`: format, lint, types, boundaries, dead code, generated files. Every check runs; the first line of a failure names it.
import { spawnSync } from 'node:child_process';

const generated = (what, script) => ({
  name: `generated ${what}`,
  command: 'node',
  args: ['--conditions=tidemill-source', script, '--check'],
});

const checks = [
  { name: 'format', command: 'oxfmt', args: ['--check', '.'] },
  { name: 'lint', command: 'oxlint', args: ['--type-aware', '--quiet'] },
  { name: 'types', command: 'tsc', args: [] },
  { name: 'dashboard types', command: 'tsc', args: ['-p', 'apps/dashboard/tsconfig.json'] },
  { name: 'boundaries', command: 'depcruise', args: ['libs', 'apps'] },
  { name: 'dead code', command: 'knip', args: [] },
  generated('types', 'libs/events/scripts/generate.ts'),
  generated('configuration', 'libs/platform/scripts/generate-config.ts'),
  generated('pages', 'infra/bin/generate-docs.ts'),
];

const only = process.argv.slice(2);
let failed = 0;
for (const { name, command, args } of checks) {
  if (only.length > 0 && !only.includes(name)) continue;
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (status === 0) {
    console.error(`ok      ${name} (${seconds} s)`);
  } else {
    failed++;
    console.error(`FAILED  ${name} (${seconds} s): ${command} ${args.join(' ')}\n${stdout ?? ''}${stderr ?? ''}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
