import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct, tidemill } from '../support/product.ts';
import { MadeUpNews } from './made-up-news.ts';

/** The whole loop on a transformer: a head on a frozen encoder is trained, drifts, is trained anew and swapped in. */

const news = new MadeUpNews(7);
const start = Date.UTC(2026, 2, 2, 8);
/** 300 an hour, as many as a window wants. */
const interval = 12_000;
const patience = { timeout: 90_000, interval: 500 };

let directory: string;
let product: Product;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemill-encoder-'));
  product = await startProduct('--stream', 'none', '--data-dir', join(directory, 'data'));
});
afterAll(async () => {
  await product?.end('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

async function file(name: string, lines: readonly object[]): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await tidemill(...args, '--data-dir', join(directory, 'data'));
  expect(code, `${args.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

async function facts<Shape>(shape: z.ZodType<Shape>, ...args: string[]): Promise<Shape> {
  return shape.parse(JSON.parse(await run(...args, '--json')));
}

async function verdicts(): Promise<string[]> {
  const windows = z.object({ items: z.array(z.object({ verdict: z.string() })) });
  return (await facts(windows, 'drift', 'news', '--limit', '100')).items.map(({ verdict }) => verdict).toReversed();
}

const line = ({ text }: { text: string }, i: number) => ({
  id: `t${i}`,
  text,
  occurredAt: new Date(start + i * interval).toISOString(),
});

it('refuses an encoder that it does not know, and says which there are', async () => {
  const path = await file('few.jsonl', news.before(30));
  const args = [
    'models',
    'create',
    'other',
    '--train',
    path,
    '--encoder',
    'bert',
    '--data-dir',
    join(directory, 'data'),
  ];
  const { code, stderr } = await tidemill(...args);
  expect(code).toBe(1);
  expect(stderr).toContain('must be one of the encoders there are: minilm');
});

it('trains a head on the encoder, finds drift, trains another and swaps it in', async () => {
  const path = await file('labelled.jsonl', news.before(300));
  expect(await run('models', 'create', 'news', '--train', path, '--encoder', 'minilm')).toContain('news@1 is promoted');
  await expect.poll(() => run('models', 'show', 'news@1'), patience).toMatch(/encoder \| all-MiniLM-L6-v2.*Apache-2.0/);

  const texts = [...news.before(1500), ...news.after(600)];
  await run('produce', await file('texts.jsonl', texts.map(line)), '--model', 'news');
  await expect.poll(async () => (await verdicts()).slice(5), patience).toEqual(['drift']);

  const labels = texts.flatMap(({ label }, i) => (i >= 1500 && i % 5 < 3 ? [{ textId: `t${i}`, label }] : []));
  await run('label', await file('labels.jsonl', labels), '--model', 'news');
  const model = z.object({ labels: z.array(z.string()), serving: z.object({ version: z.number() }) });
  await expect.poll(async () => (await facts(model, 'models', 'show', 'news')).serving.version, patience).toBe(2);
  expect((await facts(model, 'models', 'show', 'news')).labels).toContain('cooking');
  expect(await run('models', 'show', 'news@2')).toContain('all-MiniLM-L6-v2');
  await expect.poll(() => run('swaps', 'news'), patience).toMatch(/1 → 2 +standalone +serving/);

  const unseen = news.after(200);
  const questions = await file(
    'unseen.jsonl',
    unseen.map(({ text }) => ({ text })),
  );
  const accuracy = async (version: number) => {
    const lines = (await run('predict', '--model', `news@${version}`, '--file', questions)).trimEnd().split('\n');
    const answers = lines.map((answer) => z.object({ label: z.string() }).parse(JSON.parse(answer)).label);
    return answers.filter((label, i) => label === unseen[i]?.label).length / unseen.length;
  };
  expect(await accuracy(2)).toBeGreaterThan(0.9);
  expect(await accuracy(1)).toBeLessThan(0.7);
}, 240_000);
