import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { startProduct } from '../support/product.ts';

/**
 * `npm run determinism [somali] [mail] …`: plays a stream twice, each time from an empty data directory, and compares
 * what came out: the digest of every bundle, every verdict with its figures, and which policy fired when. Exit 1: they differ.
 */

const versions = z.array(z.object({ version: z.number(), digest: z.string(), stage: z.string() }));
const model = z.object({ serving: z.object({ version: z.number(), epoch: z.number() }), versions });
const reports = z.array(z.looseObject({ createdAt: z.string(), windowStart: z.string(), verdict: z.string() }));
const decisions = z.array(z.object({ policy: z.string(), outcome: z.string(), occurredAt: z.string() }));
const page = z.object({ items: z.unknown(), nextCursor: z.string().nullable() });

interface Played {
  /** What must be the same, one line each. */
  facts: string[];
  digests: string[];
  seconds: number;
}

async function play(stream: string): Promise<Played> {
  const directory = await mkdtemp(join(tmpdir(), `tidemill-${stream}-`));
  const started = performance.now();
  const product = await startProduct('--stream', stream, '--data-dir', directory);
  try {
    await product.tells(`stream ${stream}: played to its end`);
    const seconds = (performance.now() - started) / 1000;
    const get = async (path: string) => (await fetch(`${product.url}/v1/models/${stream}${path}`)).json();
    const registered = model.parse(await get(''));
    const drift = reports.parse(page.parse(await get('/drift-reports?limit=500')).items).toReversed();
    const decided = decisions.parse(page.parse(await get('/decisions?limit=500&outcome=fired')).items);
    return {
      seconds,
      digests: registered.versions.map(({ version, digest }) => `${stream}@${version} ${digest}`),
      facts: [
        ...registered.versions.map((version) => `version ${JSON.stringify(version)}`),
        `serving ${JSON.stringify(registered.serving)}`,
        ...drift.map((report) => `window ${report.windowStart} ${JSON.stringify({ ...report, createdAt: undefined })}`),
        // A request by a person has the time of the clock.
        ...decided.filter(({ policy }) => policy !== 'manual').map((decision) => `fired ${JSON.stringify(decision)}`),
      ],
    };
  } finally {
    await product[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  }
}

function differences(first: Played, second: Played): string[] {
  const rows = Math.max(first.facts.length, second.facts.length);
  return Array.from({ length: rows }, (_, i) => [first.facts[i] ?? 'nothing', second.facts[i] ?? 'nothing'] as const)
    .filter(([a, b]) => a !== b)
    .map(([a, b]) => {
      let at = 0;
      while (a[at] === b[at]) at++;
      const excerpt = (fact: string) => `${fact.slice(0, 40)} … ${fact.slice(Math.max(0, at - 40), at + 80)}`;
      return `  first:  ${excerpt(a)}\n  second: ${excerpt(b)}`;
    });
}

const named = process.argv.slice(2);
for (const stream of named.length > 0 ? named : ['somali', 'mail']) {
  const first = await play(stream);
  const second = await play(stream);
  const found = differences(first, second);
  console.log(`${stream}: played in ${first.seconds.toFixed(0)} s and ${second.seconds.toFixed(0)} s`);
  for (const digest of second.digests) console.log(`  ${digest}`);
  console.log(found.length === 0 ? `  the same: ${first.facts.length} facts` : `  ${found.length} facts differ`);
  for (const difference of found) console.log(difference);
  if (found.length > 0) process.exitCode = 1;
}
