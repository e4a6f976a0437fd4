/**
 * What everything costs while nothing happens: CPU and memory of each process of `npm start`, with one model serving, and
 * of the service inference in a process of its own. `npm run bench idle`
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { somaliScript } from '../../apps/standalone/src/streams/somali.ts';
import { familyOf, startProduct, tidemill } from '../support/product.ts';
import { openTestStream } from '../support/stream.ts';
import { cpuOf } from './cpu.ts';
import { model, startInference, storeModel, promotion } from './served-model.ts';

const settleSeconds = 20;
const idleSeconds = 60;

const directory = await mkdtemp(join(tmpdir(), 'tidemill-bench-'));
const product = await startProduct('--stream', 'none', '--data-dir', directory);
try {
  const file = join(directory, 'labelled.jsonl');
  await writeFile(
    file,
    somaliScript()
      .trainingSet.map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  );
  const { code, stderr } = await tidemill('models', 'create', model, '--train', file, '--url', product.url);
  if (code !== 0) throw new Error(stderr);
  await using test = await openTestStream({ sessionTimeout: 45_000, heartbeatInterval: 3000 });
  const bundle = await storeModel(directory);
  await test.stream.producer().send('model-versions', [{ key: model, value: promotion(bundle, 1) }]);
  await using inference = startInference(test, directory);
  await inference.url;
  await delay(settleSeconds * 1000);
  const family = [...(await familyOf(product.pid)), ...(await familyOf(inference.pid))];
  const before = family.map((pid) => cpuOf(pid));
  await delay(idleSeconds * 1000);
  console.log('| process | CPU of a core | resident |\n|---|---|---|');
  for (const [i, pid] of family.entries()) {
    const share = (cpuOf(pid) - (before[i] ?? 0)) / 1e6 / idleSeconds;
    const { name, megabytes } = await look(pid);
    if (name.includes('guard.sh')) continue;
    const of = pid === inference.pid ? 'inference alone: ' : '';
    console.log(`| ${of}${name} | ${(100 * share).toFixed(2)} % | ${megabytes} MB |`);
  }
} finally {
  await product.end('SIGTERM');
  await rm(directory, { recursive: true, force: true });
}

async function look(pid: number): Promise<{ name: string; megabytes: string }> {
  const [command, status] = await Promise.all(
    ['cmdline', 'status'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
  );
  const words = (command ?? '').split('\0');
  const main = words.find((word) => /\.(js|ts|mjs|jar|sh)$|^kafka\.Kafka$/.test(word)) ?? '';
  const name = `${words[0]?.split('/').at(-1) ?? ''} ${main.split('/').at(-1) ?? ''}`.trim();
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status ?? '')?.[1] ?? 0);
  return { name, megabytes: (kilobytes / 1024).toFixed(0) };
}
