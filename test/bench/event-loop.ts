/**
 * How long the event loop of inference stands still, while it answers at half load, while versions are swapped, and while
 * it works off a backlog: the longest time of each second, from metric tidemill_event_loop_delay_seconds; and how much CPU
 * time its own work takes at most while it stands still.
 * `npm run bench event-loop`
 */
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { temporaryFolder } from '../../libs/model/src/testing/test-bundle.ts';
import { openTestStream } from '../support/stream.ts';
import { halfLoad, mostTexts } from './open-loop.ts';
import { startInference, versionsInTurns } from './served-model.ts';

const seconds = Number(process.env['BENCH_SECONDS'] ?? 60);
const backlog = 150_000;
const bounds = ['0.005', '0.01', '0.02', '0.05', '0.1', '+Inf'];

await using folder = await temporaryFolder();
await using test = await openTestStream();
const { promote } = await versionsInTurns(test, folder.path);
await promote();
const look = join(import.meta.dirname, 'loop-cpu.mjs');
await using inference = startInference(test, folder.path, { NODE_OPTIONS: `--import=${look}` });
const url = await inference.url;

console.log(
  '| | seconds | longest ≤ 5 ms | ≤ 10 ms | ≤ 20 ms | ≤ 50 ms | ≤ 100 ms | longest of all | most CPU of its own |\n|---|---|---|---|---|---|---|---|---|',
);
const load = await halfLoad(test);
await phase('half load', () => delay(seconds * 1000));
await phase('half load, a swap every second', async () => {
  for (let second = 0; second < seconds; second++) await Promise.all([promote(), delay(1000)]);
});
await load[Symbol.asyncDispose]();
await phase(`a backlog of ${backlog} texts, three times`, async () => {
  for (let time = 0; time < 3; time++) await mostTexts(test, backlog);
});

async function phase(name: string, work: () => Promise<unknown>): Promise<void> {
  await delay(2000);
  const before = await counts();
  await inference.ask({ begin: true });
  await work();
  const { milliseconds, cpu } = z
    .object({ milliseconds: z.number(), cpu: z.number() })
    .parse(await inference.ask({ end: true }));
  const after = await counts();
  const within = bounds.map((bound) => (after.get(bound) ?? 0) - (before.get(bound) ?? 0));
  const all = within.at(-1) ?? 0;
  const shares = within.slice(0, -1).map((count) => `${((100 * count) / Math.max(1, all)).toFixed(1)} %`);
  console.log(`| ${name} | ${all} | ${shares.join(' | ')} | ${milliseconds.toFixed(0)} ms | ${cpu.toFixed(0)} ms |`);
}

/** Seconds so far whose longest delay was within each bound. */
async function counts(): Promise<Map<string, number>> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const buckets = metrics.matchAll(/^tidemill_event_loop_delay_seconds_bucket\{.*le="([^"]+)".*\} (\d+)/gm);
  return new Map(Array.from(buckets, ([, bound = '', count = '']) => [bound, Number(count)]));
}
