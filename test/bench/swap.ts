/**
 * Latency of synchronous predictions while versions are being swapped, beside the same load in quiet: phases in turns,
 * texts streaming through the same host at half of what this machine manages. Then the same requests to a server that
 * reloads in its own thread and answers as many texts beside. And what 200 swaps leave in memory. `npm run bench swap`
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { temporaryFolder } from '../../libs/model/src/testing/test-bundle.ts';
import { familyOf } from '../support/product.ts';
import { openTestStream } from '../support/stream.ts';
import { median, quantile } from './cpu.ts';
import { halfLoad, openLoop, shownLatencies } from './open-loop.ts';
import { model, realTexts, startInference, versionsInTurns } from './served-model.ts';

const swaps = Number(process.env['BENCH_SWAPS'] ?? 200);
const swapEvery = 1000;
const swapsPerPhase = 4;
const warmUpSwaps = 20;

await using folder = await temporaryFolder();
await using test = await openTestStream();
const { bundles, epoch, promote } = await versionsInTurns(test, folder.path);
const texts = realTexts();
await promote();
const collector = join(import.meta.dirname, 'collect-garbage.mjs');
await using inference = startInference(test, folder.path, { NODE_OPTIONS: `--expose-gc --import=${collector}` });
const url = `${await inference.url}/v1/models/${model}/predict`;
const seen = new Set<number>();
const answered = (body: unknown) => {
  if (typeof body === 'object' && body !== null && 'epoch' in body) seen.add(Number(body.epoch));
};
/** Bytes by the swaps there have been: resident, and what the consumer's heap and buffers hold. */
const memory: { epoch: number; resident: number; held: number }[] = [];
const load = await halfLoad(test);
const ours = await compare('Tidemill', { url, swap: promote, answered, swapped: weigh });
await load[Symbol.asyncDispose]();
console.log(`${epoch() - 1} swaps, ${seen.size} versions answered`);
tellMemory();

const port = 18_091;
const peer = fork(
  join(import.meta.dirname, 'peers', 'same-thread-reload.ts'),
  [String(port), String(load.rate), ...bundles.map(({ directory }) => join(directory, 'model.onnx'))],
  { execArgv: ['--conditions=tidemill-source'] },
);
await once(peer, 'message');
const peerUrl = `http://127.0.0.1:${port}/`;
const reload = async () => void (await (await fetch(`${peerUrl}reload`, { method: 'POST' })).json());
const theirs = await compare('reload in the same thread', { url: peerUrl, swap: reload });
peer.kill('SIGKILL');
console.log(`ratio of the p99, swapping ÷ quiet: Tidemill ${ours}, same thread ${theirs}`);

interface Server {
  url: string;
  swap: () => Promise<void>;
  answered?: (body: unknown) => void;
  /** Called after each phase of swaps. */
  swapped?: () => Promise<void>;
}

/** Phases in turns; the p99 while swapping over the p99 in quiet, with the least and the most of five parts of the run. */
async function compare(name: string, { url, swap, answered, swapped }: Server): Promise<string> {
  const quiet: number[][] = [];
  const swapping: number[][] = [];
  const phase = () =>
    openLoop({ url, texts, duration: swapEvery * swapsPerPhase, every: 10, ...(answered && { answered }) });
  await phase();
  for (let done = 0; done < swaps; done += swapsPerPhase) {
    quiet.push(await phase());
    const swapAll = async () => {
      for (let i = 0; i < swapsPerPhase; i++) {
        const next = new Promise((resolve) => setTimeout(resolve, swapEvery));
        await swap();
        await next;
      }
    };
    swapping.push((await Promise.all([phase(), swapAll()]))[0]);
    await swapped?.();
  }
  console.log(`${name}, quiet: ${shownLatencies(quiet.flat())}`);
  console.log(`${name}, a swap every ${swapEvery} ms: ${shownLatencies(swapping.flat())}`);
  const ratio = (from: number, until: number) => p99(swapping.slice(from, until)) / p99(quiet.slice(from, until));
  const part = Math.ceil(quiet.length / 5);
  const parts = Array.from({ length: 5 }, (_, i) => ratio(i * part, (i + 1) * part)).filter(Number.isFinite);
  const all = ratio(0, quiet.length).toFixed(2);
  return `${all} (fifths of the run: ${Math.min(...parts).toFixed(2)}–${Math.max(...parts).toFixed(2)})`;
}

function p99(phases: readonly number[][]): number {
  return quantile(phases.flat(), 0.99);
}

/** The consumer, its launcher and its hosts, after a garbage collection. */
async function weigh(): Promise<void> {
  const usage = z.object({ heapUsed: z.number(), external: z.number() }).parse(await inference.ask({ collect: true }));
  const kilobytes = (await familyOf(inference.pid)).map((pid) => {
    try {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      return 0;
    }
  });
  const resident = kilobytes.reduce((sum, one) => sum + one, 0) * 1024;
  memory.push({ epoch: epoch(), resident, held: usage.heapUsed + usage.external });
}

/** Medians over parts of the run. */
function tellMemory(): void {
  const settled = memory.filter(({ epoch }) => epoch > warmUpSwaps);
  const fifth = Math.ceil(settled.length / 5);
  for (const [what, key] of [
    ['resident, with launcher and host', 'resident'],
    ['held by heap and buffers of the consumer', 'held'],
  ] as const) {
    const megabytes = (part: typeof memory) => median(part.map((look) => look[key])) / 1024 ** 2;
    const [first, last] = [megabytes(settled.slice(0, fifth)), megabytes(settled.slice(-fifth))];
    const growth = ((last / first - 1) * 100).toFixed(1);
    console.log(
      `memory, ${what}: ${first.toFixed(0)} MB in the first fifth after ${warmUpSwaps} swaps, ${last.toFixed(0)} MB in the last (${growth} %)`,
    );
  }
}
