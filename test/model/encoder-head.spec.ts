import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scoreEmbedding, trainHead } from '#libs/classifier';
import { fetchEncoder } from '#libs/embedded';
import { type HostModel, ModelHost, withHead } from '#libs/model';
import { loadConfig } from '#libs/platform';
import { type Embedded, embedTexts } from '../../apps/retraining/src/workflow/embed-texts.ts';
import { MadeUpNews } from '../e2e/made-up-news.ts';

/** A head on MiniLM: what is trained on embeddings is what the one file answers. */

const texts = new MadeUpNews(3).before(90);
const host = { executionProviders: ['cpu'], threads: 1 };
let folder: string;
let embedded: Embedded;
const embed = (of: readonly string[], cache: string, told: string[] = []) =>
  fetchEncoder('minilm', { config: loadConfig({ env: process.env }).config, onProgress: () => undefined }).then(
    (encoder) =>
      embedTexts(encoder, of, {
        folder,
        cacheFolder: join(folder, cache),
        host,
        onProgress: (_, line) => told.push(line),
      }),
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemill-head-'));
  embedded = await embed(
    texts.map(({ text }) => text),
    'cache',
  );
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

it('gives vectors of length 1, the same whatever else is asked and from the cache', async () => {
  const { embeddings, dimension } = embedded;
  expect(dimension).toBe(384);
  for (let row = 0; row < texts.length; row++)
    expect(Math.hypot(...embeddings.subarray(row * 384, (row + 1) * 384))).toBeCloseTo(1, 5);
  const [first] = texts;
  const told: string[] = [];
  const alone = await embed([first?.text ?? ''], 'another', told);
  const known = await embed([first?.text ?? '', first?.text ?? ''], 'another', told);
  expect(alone.embeddings).toStrictEqual(embeddings.slice(0, 384));
  expect(known.embeddings.slice(384)).toStrictEqual(embeddings.slice(0, 384));
  expect(told).toStrictEqual(['1 of 1 new texts encoded by minilm']);
});

it('answers as one file what the head says of the embeddings, to 1e-5', async () => {
  const { embeddings, dimension, pooled, input } = embedded;
  const train = { texts: texts.map(({ text }) => text), labels: texts.map(({ label }) => label), seed: 1 };
  const head = trainHead({ ...train, embeddings, dimension });
  const again = trainHead({ ...train, embeddings, dimension });
  expect(Buffer.compare(withHead(pooled, again), withHead(pooled, head))).toBe(0);
  const modelPath = join(folder, 'model.onnx');
  await writeFile(modelPath, withHead(pooled, head));
  const { labels, temperature } = head;
  const model: HostModel = { modelPath, labels, input, output: 'logits', temperature, goldenTexts: [] };
  await using opened = await ModelHost.open(model, host);
  const { probabilities } = await opened.classify(train.texts);
  for (let row = 0; row < texts.length; row++) {
    const said = scoreEmbedding(head, embeddings.subarray(row * dimension, (row + 1) * dimension));
    for (const [label, value] of said.entries())
      expect(Math.abs((probabilities[row * labels.length + label] ?? Number.NaN) - value)).toBeLessThan(1e-5);
  }
}, 60_000);
