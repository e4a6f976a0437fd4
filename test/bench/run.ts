/** `npm run bench [NAME…]`: runs the benchmarks one after the other on one Kafka and registry of their own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { forkStack } from '../support/fork-stack.ts';

const benchmarks = [
  'inference',
  'tokenizers',
  'transformer',
  'swap',
  'event-loop',
  'shadow',
  'rest',
  'retraining',
  'stream',
  'clickhouse',
  'idle',
];
const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !benchmarks.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`no benchmark ${unknown.join(', ')}; there are: ${benchmarks.join(', ')}\n`);
  process.exit(2);
}
const stack = await forkStack();
console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}`);
let failed = false;
for (const name of chosen.length === 0 ? benchmarks : chosen) {
  console.log(`\n## ${name}`);
  const child = spawn(process.execPath, ['--conditions=tidemill-source', join(import.meta.dirname, `${name}.ts`)], {
    stdio: 'inherit',
    env: { ...process.env, ...stack.env, UV_THREADPOOL_SIZE: '16' },
  });
  const [code] = await once(child, 'exit');
  failed ||= code !== 0;
}
await stack.close();
process.exitCode = failed ? 1 : 0;
