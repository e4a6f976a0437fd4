/**
 * From asking for a retraining to the new version serving, on the whole product in one process: wall time, so look at
 * the parts rather than at the sum. `npm run bench retraining`
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProduct } from '../support/product.ts';
import { median } from './cpu.ts';
import { model, realTexts } from './served-model.ts';
import { somaliScript } from '../../apps/standalone/src/streams/somali.ts';
import { playThrough } from '../../apps/standalone/src/streams/testing/play-through.ts';

const rounds = 3;
const directory = await mkdtemp(join(tmpdir(), 'tidemill-bench-'));
const product = await startProduct('--stream', 'none', '--data-dir', directory);
try {
  const { trainingSet } = somaliScript();
  const labels = new Map(
    playThrough(somaliScript(), 9).flatMap((slice) => slice.labels.map((label) => [label.textId, label.label])),
  );
  const streamed = playThrough(somaliScript(), 9).flatMap((slice) =>
    slice.texts.flatMap(({ id, text, attributes }) => {
      const label = labels.get(id);
      return label === undefined ? [] : [{ id, text, label, group: attributes['group'] ?? '' }];
    }),
  );
  const took: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    // Each version has more to learn from than the one before, so that it is promoted.
    const share = streamed.slice(0, Math.floor((streamed.length * round) / rounds));
    const lines = [...trainingSet, ...share].map((row) => `${JSON.stringify(row)}\n`).join('');
    const dataset = await post(`/v1/models/${model}/datasets`, lines, 'application/x-ndjson');
    const started = performance.now();
    const asked = await post(`/v1/models/${model}/retraining-requests`, JSON.stringify({ dataset: dataset['digest'] }));
    const version = await served(round);
    const seconds = (performance.now() - started) / 1000;
    took.push(seconds);
    console.log(
      `${trainingSet.length + share.length} labelled texts: ${seconds.toFixed(1)} s from request ${String(asked['id']).slice(0, 8)} to ${model}@${version} serving`,
    );
  }
  console.log(`median ${median(took).toFixed(1)} s; ${realTexts().length} texts in the stream`);
} finally {
  await product.end('SIGTERM');
  await rm(directory, { recursive: true, force: true });
}

async function post(path: string, body: string, type = 'application/json'): Promise<Record<string, unknown>> {
  const response = await fetch(product.url + path, { method: 'POST', headers: { 'content-type': type }, body });
  const answer: unknown = await response.json();
  if (!response.ok || typeof answer !== 'object' || answer === null)
    throw new Error(`${path}: ${JSON.stringify(answer)}`);
  return { ...answer };
}

/** Resolves when inference answers with that version, or a later one. */
async function served(version: number): Promise<number> {
  for (const deadline = performance.now() + 120_000; performance.now() < deadline;) {
    const answer = await fetch(`${product.url}/v1/models/${model}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ texts: ['waa'] }),
    });
    const said: unknown = answer.ok ? await answer.json() : undefined;
    if (typeof said === 'object' && said !== null && 'version' in said && Number(said.version) >= version)
      return Number(said.version);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`version ${version} did not serve within two minutes`);
}
