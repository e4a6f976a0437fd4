import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { alive, familyOf, type Product, startProduct, tidemill } from '../support/product.ts';
import { type LabelledText, MadeUpLanguage } from './made-up-language.ts';
import { MadeUpNews } from './made-up-news.ts';

/**
 * “Bring your own” of the README, with nothing but its commands and the defaults: a labelled file, texts, labels; drift,
 * a new version, the swap. Model `own` is of a language nobody tuned anything for, model `news` a head on a transformer.
 * The tests tell one story, in order.
 */

const language = new MadeUpLanguage(7);
const news = new MadeUpNews(7);
const start = Date.UTC(2026, 2, 2, 8);
/** 300 an hour, as many as a window wants. */
const interval = 12_000;
const patience = { timeout: 90_000, interval: 500 };

let directory: string;
let product: Product;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemill-own-'));
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

/** Runs a command beside the product; it must succeed. */
async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await tidemill(...args, '--data-dir', join(directory, 'data'));
  expect(code, `${args.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

async function facts<Shape>(shape: z.ZodType<Shape>, ...args: string[]): Promise<Shape> {
  return shape.parse(JSON.parse(await run(...args, '--json')));
}

const textLine =
  (from: number) =>
  ({ text }: LabelledText, i: number) => ({
    id: `t${from + i}`,
    text,
    occurredAt: new Date(start + (from + i) * interval).toISOString(),
  });

const items = <Item extends z.ZodType>(item: Item) => z.object({ items: z.array(item) });
const windows = items(
  z.object({
    verdict: z.string(),
    texts: z.number(),
    version: z.number(),
    movements: z.array(z.object({ term: z.string(), kind: z.string() })),
  }),
);
const model = z.object({
  labels: z.array(z.string()),
  serving: z.object({ version: z.number(), epoch: z.number() }),
});

async function verdicts(name: string): Promise<string[]> {
  const { items: said } = await facts(windows, 'drift', name, '--limit', '100');
  return said.map(({ verdict }) => verdict).toReversed();
}

/** Share of the texts that a version answers right. */
async function accuracy(version: string, texts: readonly LabelledText[]): Promise<number> {
  const path = await file(
    'questions.jsonl',
    texts.map(({ text }) => ({ text })),
  );
  const lines = (await run('predict', '--model', version, '--file', path)).trimEnd().split('\n');
  const answers = lines.map((line) => z.object({ label: z.string() }).parse(JSON.parse(line)).label);
  return answers.filter((label, i) => label === texts[i]?.label).length / texts.length;
}

const before = language.before(1500);
const after = language.after(900);
const newsBefore = news.before(1500);
const newsAfter = news.after(600);

describe('a model of one’s own', () => {
  it('refuses an encoder that it does not know, and says which there are', async () => {
    const path = await file('few.jsonl', news.before(30));
    const data = ['--data-dir', join(directory, 'data')];
    const { code, stderr } = await tidemill('models', 'create', 'o', '--train', path, '--encoder', 'bert', ...data);
    expect(code).toBe(1);
    expect(stderr).toContain('must be one of the encoders there are: minilm');
  });

  it('becomes version 1', async () => {
    const path = await file('labelled.jsonl', language.before(600));
    expect(await run('models', 'create', 'own', '--train', path)).toContain('own@1 is promoted');
    expect(await facts(model, 'models', 'show', 'own')).toMatchObject({
      labels: language.classes,
      serving: { version: 1 },
    });
    const [first] = before;
    expect(await run('predict', '--model', 'own', first?.text ?? '')).toContain(first?.label);
  });

  it('becomes version 1 as a head on an encoder', async () => {
    const path = await file('labelled-news.jsonl', news.before(300));
    const created = await run('models', 'create', 'news', '--train', path, '--encoder', 'minilm');
    expect(created).toContain('news@1 is promoted');
    const card = () => run('models', 'show', 'news@1');
    await expect.poll(card, patience).toMatch(/encoder \| all-MiniLM-L6-v2.*Apache-2.0/);
  }, 120_000);

  it('is watched: nothing while it is spoken as before', async () => {
    const path = await file('texts.jsonl', before.map(textLine(0)));
    expect(await run('produce', path, '--model', 'own')).toBe('1500 texts sent, 0 lines skipped\n');
    const labels = before.flatMap(({ label }, i) =>
      i % 3 === 0
        ? [{ textId: `t${i}`, label, labelledAt: new Date(start + i * interval + 1_800_000).toISOString() }]
        : [],
    );
    await run('label', await file('labels.jsonl', labels), '--model', 'own');
    const collecting = Array.from({ length: 4 }, () => 'collecting');
    await expect.poll(async () => (await verdicts('own')).slice(0, 4), patience).toEqual(collecting);
    const figures = items(z.object({ accuracy: z.object({ value: z.number() }) }));
    await expect
      .poll(async () => (await facts(figures, 'performance', 'own')).items.length, patience)
      .toBeGreaterThan(3);
    for (const { accuracy } of (await facts(figures, 'performance', 'own')).items)
      expect(accuracy.value).toBeGreaterThan(0.9);
  }, 120_000);

  it('drifts: new words are named', async () => {
    const path = await file('later.jsonl', after.map(textLine(before.length)));
    await run('produce', path, '--model', 'own');
    await expect.poll(async () => (await verdicts('own')).slice(4), patience).toEqual(['stable', 'drift', 'drift']);
    const [newest] = (await facts(windows, 'drift', 'own')).items;
    expect(newest?.movements.filter(({ kind }) => kind === 'word').length).toBeGreaterThan(3);
    expect(await run('drift', 'own')).toContain('what moved most in the newest window');
    const decisions = items(z.object({ policy: z.string(), outcome: z.string(), reason: z.string() }));
    expect((await facts(decisions, 'decisions', 'own')).items).toContainEqual({
      policy: 'drift',
      outcome: 'held',
      reason: expect.stringContaining('labels since the drift began, 200 are needed'),
    });
  }, 120_000);

  it('drifts on an encoder', async () => {
    const path = await file('news.jsonl', [...newsBefore, ...newsAfter].map(textLine(0)));
    await run('produce', path, '--model', 'news');
    await expect.poll(async () => (await verdicts('news')).slice(5), patience).toEqual(['drift']);
  }, 120_000);

  it('is learned anew once labels have come, all in one go and without a time', async () => {
    const labelLine = ({ label }: LabelledText, i: number) => ({ textId: `t${before.length + i}`, label });
    const labels = after.map(labelLine).filter((_, i) => i % 5 < 2);
    const newsLabels = newsAfter.map(labelLine).filter((_, i) => i % 5 < 3);
    await run('label', await file('later-labels.jsonl', labels), '--model', 'own');
    await run('label', await file('later-news-labels.jsonl', newsLabels), '--model', 'news');
    await expect
      .poll(async () => (await facts(model, 'models', 'show', 'own')).serving, patience)
      .toEqual(expect.objectContaining({ version: 2, epoch: 2 }));
    expect((await facts(model, 'models', 'show', 'own')).labels).toContain(language.newClass);
    expect(await run('decisions', 'own')).toMatch(/drift +fired/);
    expect(await run('models', 'show', 'own@2')).toContain('# Model card: own');
    await expect.poll(() => run('swaps', 'own'), patience).toMatch(/1 → 2 +standalone +serving/);
    const serving = async () => (await facts(model, 'models', 'show', 'news')).serving.version;
    await expect.poll(serving, patience).toBe(2);
    expect((await facts(model, 'models', 'show', 'news')).labels).toContain('cooking');
    expect(await run('models', 'show', 'news@2')).toContain('all-MiniLM-L6-v2');
    await expect.poll(() => run('swaps', 'news'), patience).toMatch(/1 → 2 +standalone +serving/);
  }, 240_000);

  it('is answered by the new version, and nothing was lost', async () => {
    const unheard = language.after(300);
    expect(await accuracy('own@2', unheard)).toBeGreaterThan(0.9);
    expect(await accuracy('own@1', unheard)).toBeLessThan(0.6);
    const unseen = news.after(200);
    expect(await accuracy('news@2', unseen)).toBeGreaterThan(0.9);
    expect(await accuracy('news@1', unseen)).toBeLessThan(0.7);
    const counts = z.array(z.object({ model: z.string(), version: z.number(), texts: z.coerce.number() }));
    const statement =
      'SELECT model, version, count() AS texts FROM effective_predictions GROUP BY model, version ORDER BY model';
    expect(await facts(counts, 'sql', statement)).toEqual([
      { model: 'news', version: 1, texts: newsBefore.length + newsAfter.length },
      { model: 'own', version: 1, texts: before.length + after.length },
    ]);
    expect(await run('status')).toContain('ready, nothing pending');
    const found = await facts(z.array(z.object({ part: z.string(), state: z.string() })), 'doctor');
    expect(found).toContainEqual(expect.objectContaining({ part: 'gateway', state: 'ok' }));
  }, 60_000);

  it('stops on Ctrl-C', async () => {
    const family = await familyOf(product.pid);
    expect(await product.end('SIGINT')).toBe(130);
    await expect.poll(() => alive(family), { timeout: 5000 }).toEqual([]);
  }, 60_000);
});
