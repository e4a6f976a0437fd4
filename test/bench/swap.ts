/**
 * Latency of synchronous predictions while versions are being swapped, beside the same load in quiet: phases in turns, texts
 * streaming through the same host at half of what this machine manages. Then the same requests to a server that reloads
 * in its own thread. And what 200 swaps leave in memory. `npm run bench swap`
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../libs/model/src/testing/test-bundle.ts';
import { familyOf } from '../support/product.ts';
import { openTestStream } from '../support/stream.ts';
import { quantile } from './cpu.ts';
import { model, realTexts, startInference, storeModel, versionEvent } from './served-model.ts';

const swaps = Number(process.env['BENCH_SWAPS'] ?? 200);
const phaseMilliseconds = 4000;
const requestEvery = 10;
const swapEvery = 1000;
const warmUpSwaps = 20;

await using folder = await temporaryFolder();
await using test = await openTestStream();
const bundles = [await storeModel(folder.path, 1), await storeModel(folder.path, 2)];
const texts = realTexts();
const producer = test.stream.producer();
let epoch = 0;
const promote = async () => {
  const bundle = bundles[epoch % 2];
  if (bundle !== undefined)
    await producer.send('model-versions', [{ key: model, value: versionEvent(bundle, ++epoch) }]);
};
await promote();
await using inference = startInference(test, folder.path);
const url = `${await inference.url}/v1/models/${model}/predict`;
let streamed = 0;
const rate = (await mostTexts()) / 2;
console.log(`texts streaming through the same host: ${rate.toFixed(0)} a second, half of what is managed here`);
const streaming = setInterval(() => void stream(Math.round(rate / 20)), 50);
const seen = new Set<number>();
const answered = (body: unknown) => {
  if (typeof body === 'object' && body !== null && 'epoch' in body) seen.add(Number(body.epoch));
};
const memory: number[] = [];
const ours = await compare('Tidemill', { url, swap: promote, answered });
clearInterval(streaming);
console.log(`${seen.size} versions answered`);
const settled = memory[0] ?? Number.NaN;
const growth = ((memory.at(-1) ?? Number.NaN) / settled - 1) * 100;
console.log(
  `memory of the consumer and its host: ${megabytes(settled)} MB after ${warmUpSwaps} swaps, ${megabytes(memory.at(-1) ?? 0)} MB after ${epoch} (${growth.toFixed(1)} %)`,
);

const port = 18_091;
const peer = fork(
  join(import.meta.dirname, 'peers', 'same-thread-reload.ts'),
  [String(port), ...bundles.map(({ directory }) => join(directory, 'model.onnx'))],
  { execArgv: ['--conditions=tidemill-source'] },
);
await once(peer, 'message');
const peerUrl = `http://127.0.0.1:${port}/`;
const reload = async () => void (await (await fetch(`${peerUrl}reload`, { method: 'POST' })).json());
const theirs = await compare('reload in the same thread, no stream beside', {
  url: peerUrl,
  swap: reload,
  answered: () => undefined,
});
peer.kill('SIGKILL');
console.log(`ratio of the p99, swapping ÷ quiet: Tidemill ${ours.toFixed(2)}, same thread ${theirs.toFixed(2)}`);

interface Server {
  url: string;
  swap: () => Promise<void>;
  answered: (body: unknown) => void;
}

/** Phases in turns; the p99 while swapping over the p99 in quiet. */
async function compare(name: string, server: Server): Promise<number> {
  const latencies = { quiet: new Array<number>(), swapping: new Array<number>() };
  await phase(server, undefined);
  const perPhase = phaseMilliseconds / swapEvery;
  for (let swapped = 0; swapped < swaps; swapped += perPhase) {
    await phase(server, latencies.quiet);
    const swapping = setInterval(() => void server.swap(), swapEvery);
    await phase(server, latencies.swapping);
    clearInterval(swapping);
    if (server.url === url && swapped + perPhase >= warmUpSwaps) memory.push(await resident());
  }
  const shown = (values: number[]) =>
    `p50 ${quantile(values, 0.5).toFixed(1)} ms, p99 ${quantile(values, 0.99).toFixed(1)} ms, worst ${Math.max(...values).toFixed(1)} ms (${values.length} requests)`;
  console.log(`${name}, quiet: ${shown(latencies.quiet)}`);
  console.log(`${name}, a swap every ${swapEvery} ms: ${shown(latencies.swapping)}`);
  return quantile(latencies.swapping, 0.99) / quantile(latencies.quiet, 0.99);
}

/** Open loop: a request every few milliseconds, whatever happened to those before. */
async function phase(server: Server, into: number[] | undefined): Promise<void> {
  const requests: Promise<void>[] = [];
  const started = performance.now();
  for (let sent = 0; sent < phaseMilliseconds / requestEvery; sent++) {
    requests.push(request(server, into));
    const next = started + (sent + 1) * requestEvery;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
  }
  await Promise.all(requests);
}

async function request({ url: to, answered: note }: Server, into: number[] | undefined): Promise<void> {
  const body = JSON.stringify({ texts: [texts[streamed % texts.length] ?? ''] });
  const started = performance.now();
  const response = await fetch(to, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${response.status}: ${JSON.stringify(answer)}`);
  into?.push(performance.now() - started);
  note(answer);
}

async function stream(count: number): Promise<void> {
  const records = Array.from({ length: count }, () => {
    const id = `t${streamed++}`;
    const text = texts[streamed % texts.length] ?? '';
    return { key: id, value: { id, model, text, occurredAt: streamed, source: 'bench', attributes: {} } };
  });
  await producer.send('texts', records);
}

/** Texts a second from the first one sent to the last one answered, everything on this machine. */
async function mostTexts(): Promise<number> {
  const count = 40_000;
  const started = performance.now();
  while (streamed < count) await stream(1000);
  for (let done = 0; done < count;) {
    const ends = await test.stream.admin.endOffsets('predictions');
    done = ends.reduce((sum, { high }) => sum + Number(high), 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return (count / (performance.now() - started)) * 1000;
}

/** Bytes of the consumer and of its hosts. */
async function resident(): Promise<number> {
  const kilobytes = (await familyOf(inference.pid)).map((pid) => {
    try {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      return 0;
    }
  });
  return kilobytes.reduce((sum, one) => sum + one, 0) * 1024;
}

function megabytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(0);
}
