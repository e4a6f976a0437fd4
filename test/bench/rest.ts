/**
 * One text a request over REST, at 1, 8 and 64 clients that each wait for their answer: the whole product's gateway beside
 * FastAPI with ONNX Runtime on the same model, with one worker and with two, in turns. Wall times, so look at the ratios.
 * `npm run bench rest`
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ArtifactStore } from '#libs/registry';
import { somaliScript } from '../../apps/standalone/src/streams/somali.ts';
import { startProduct, tidemill } from '../support/product.ts';
import { familyCpu, median, quantile } from './cpu.ts';
import { pythonWith, startPython } from './peers/python.ts';
import { post } from './post.ts';
import { model, realTexts } from './served-model.ts';

const clientCounts = [1, 8, 64];
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const roundMilliseconds = 2000;

interface Round {
  p50: number;
  p99: number;
  requests: number;
  /** CPU microseconds of the server a request. */
  cpu: number;
}

const directory = await mkdtemp(join(tmpdir(), 'tidemill-bench-'));
const product = await startProduct('--stream', 'none', '--data-dir', directory);
try {
  const bundle = await createModel();
  const python = await pythonWith('requirements.txt');
  const fastapi = (port: number, workers: number) =>
    startPython(python, ['fastapi_server.py', bundle, String(port), String(workers)], { ready: /^ready/m });
  await using one = await fastapi(18_090, 1);
  await using two = await fastapi(18_092, 2);
  const servers = [
    { name: 'Tidemill', pid: product.pid, url: `${product.url}/v1/models/${model}/predict` },
    { name: 'FastAPI', pid: one.pid, url: 'http://127.0.0.1:18090/predict' },
    { name: 'FastAPI, two workers', pid: two.pid, url: 'http://127.0.0.1:18092/predict' },
  ];
  const texts = realTexts();
  console.log(
    '| clients | | p50 | Tidemill ÷ | p99 | Tidemill ÷ | requests a second | CPU a request |\n|---|---|---|---|---|---|---|---|',
  );
  for (const clients of clientCounts) {
    const results = servers.map(() => new Array<Round>());
    for (const { url } of servers) await load(url, { clients, texts });
    for (let round = 0; round < rounds; round++) {
      for (const [i, { url, pid }] of servers.entries()) {
        const before = await familyCpu(pid);
        const latencies = await load(url, { clients, texts });
        const cpu = ((await familyCpu(pid)) - before) / latencies.length;
        const [p50, p99] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
        results[i]?.push({ p50, p99, requests: (latencies.length / roundMilliseconds) * 1000, cpu });
      }
    }
    for (const [i, { name }] of servers.entries()) {
      const rounds = results[i] ?? [];
      const of = (key: keyof Round) => median(rounds.map((round) => round[key]));
      /** Tidemill's over its own, round by round. */
      const ratio = (key: 'p50' | 'p99') => {
        const ratios = rounds.map((round, r) => (results[0]?.[r]?.[key] ?? Number.NaN) / round[key]);
        const [least, most] = [Math.min(...ratios).toFixed(2), Math.max(...ratios).toFixed(2)];
        return i === 0 ? '' : `${median(ratios).toFixed(2)} (${least}–${most})`;
      };
      const figures = [`${of('p50').toFixed(2)} ms`, ratio('p50'), `${of('p99').toFixed(2)} ms`, ratio('p99')];
      console.log(
        `| ${clients} | ${name} | ${figures.join(' | ')} | ${of('requests').toFixed(0)} | ${of('cpu').toFixed(0)} µs |`,
      );
    }
  }
} finally {
  await product.end('SIGTERM');
  await rm(directory, { recursive: true, force: true });
}

/** The folder of the bundle that serves. */
async function createModel(): Promise<string> {
  const file = join(directory, 'labelled.jsonl');
  await writeFile(
    file,
    somaliScript()
      .trainingSet.map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  );
  const { code, stderr } = await tidemill('models', 'create', model, '--train', file, '--url', product.url);
  if (code !== 0) throw new Error(stderr);
  const answer: unknown = await (await fetch(`${product.url}/v1/models/${model}/versions/1`)).json();
  const { digest } = z.object({ digest: z.string() }).parse(answer);
  return new ArtifactStore(join(directory, 'artifacts')).bundleDirectory(digest) ?? '';
}

/** Closed loop: each client sends its next text when it has its answer. Latencies in milliseconds. */
async function load(url: string, { clients, texts }: { clients: number; texts: readonly string[] }): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const latencies: number[] = [];
  const end = performance.now() + roundMilliseconds;
  let next = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() < end) {
        const started = performance.now();
        await post(url, { agent, body: JSON.stringify({ texts: [texts[next++ % texts.length] ?? ''] }) });
        latencies.push(performance.now() - started);
      }
    }),
  );
  agent.destroy();
  return latencies;
}
