import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { temporaryFolder, testText, writeTestBundle } from '../../libs/model/src/testing/test-bundle.ts';
import { RestClient } from '../contract/rest-client.ts';
import { type RestStack, startRestLoop } from '../contract/rest-stack.ts';

/** A better version and a worse one are tried on the real loop: labels decide, and what is tried never stands in the way. */

const model = 'tides';
/** Texts are of the north and the south: version 2 knows both, the others one of them. */
const known = [
  ['south', 'west'],
  ['north', 'south'],
  ['north', 'west'],
];
const eventTime = Date.UTC(2026, 0, 5);
const window = 10_000;
const textsPerRound = 60;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let loop: RestStack;
let client: RestClient;
let round = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
  loop = await startRestLoop({
    'monitoring.window.duration': '10s',
    'monitoring.window.minimumTexts': 50,
    'monitoring.window.allowedLateness': '1s',
    'monitoring.window.idleTimeout': '1s',
    'retraining.triggers.accuracyBelow': 0,
    'retraining.triggers.newLabels': 0,
    'retraining.triggers.drift': false,
    'retraining.canary.minimumLabels': 30,
  });
  client = await RestClient.connect(loop.url);
  for (const labels of known) await importBundle(labels);
});
afterAll(async () => {
  await loop[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const patience = { timeout: 60_000, interval: 100 };

async function importBundle(labels: string[]): Promise<void> {
  const { directory } = await writeTestBundle(join(folder.path, labels.join('-')), { model, labels });
  const packed = ['-c', '-f', '-', '-C', directory, '.'];
  const { stdout } = await promisify(execFile)('tar', packed, { encoding: 'buffer', maxBuffer: 2 ** 26 });
  const raw = { type: 'application/x-tar', content: new Uint8Array(stdout) };
  expect((await client.ask(`/v1/models/${model}/import`, { method: 'POST', raw })).status).toBe(201);
}

async function govern(path: string, body: unknown): Promise<void> {
  expect((await client.post(`/v1/models/${model}/${path}`, body)).status).toBe(202);
}

const inferenceStatus = z.object({
  serving: z.array(z.object({ version: z.number(), state: z.string() })),
  challengers: z.array(z.object({ version: z.number(), state: z.string(), hostPid: z.number().nullable() })),
});
async function inference() {
  return inferenceStatus.parse(await (await fetch(`${loop.config.inference.url}/v1/status`)).json());
}

const registered = z.object({
  serving: z.object({ version: z.number() }),
  challengers: z.array(z.object({ version: z.number() })),
});
const answering = async () => {
  const { serving, challengers } = registered.parse((await client.get(`/v1/models/${model}`)).body);
  return { serving: serving.version, tried: challengers.map(({ version }) => version) };
};

/** Decisions and comparisons are told after the version they led to. */
function soon(path: string) {
  return expect.poll(async () => (await client.get(`/v1/models/${model}/${path}`)).body, patience);
}

/** One window of texts, and their labels. */
async function sendRound(): Promise<string[]> {
  const at = new Date(eventTime + round * window).toISOString();
  const rows = Array.from({ length: textsPerRound }, (_, i) => {
    const label = i % 2 === 0 ? 'north' : 'south';
    return { id: `r${round}-${i}`, label, text: testText(label, i) };
  });
  round++;
  const texts = rows.map(({ id, text }) => ({ id, model, text, occurredAt: at }));
  const labels = rows.map(({ id, label }) => ({ textId: id, model, label, labelledAt: at }));
  expect((await client.post('/v1/texts', texts)).status).toBe(202);
  expect((await client.post('/v1/labels', labels)).status).toBe(202);
  const answers = rows.map(({ id }) => client.get(`/v1/predictions/${id}?model=${model}&wait=30s`));
  for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
  return rows.map(({ id }) => id);
}

async function tryVersion(version: number, role: 'canary' | 'shadow', body: unknown = {}): Promise<void> {
  await govern(`versions/${version}/${role}`, body);
  const answers = [expect.objectContaining({ version, state: 'answering' })];
  await expect.poll(async () => (await inference()).challengers, patience).toEqual(answers);
}

/** Sends texts and labels until nothing is tried any more. */
async function untilDecided(): Promise<void> {
  while ((await answering()).tried.length > 0) {
    expect(round, 'rounds without a decision').toBeLessThan(40);
    await sendRound();
  }
}

it('answers a request that comes right after the first promotion', async () => {
  await govern('versions/1/promote', {});
  const answered = await client.post(`/v1/models/${model}/predict`, { texts: [testText('south', 1)] });
  expect(answered).toMatchObject({ status: 200, body: { version: 1, epoch: 1 } });
});

it('promotes a canary that later labels show to be better', { timeout: 90_000 }, async () => {
  await expect
    .poll(async () => (await inference()).serving, patience)
    .toMatchObject([{ version: 1, state: 'serving' }]);
  await tryVersion(2, 'canary', { share: 0.3 });
  await untilDecided();
  expect(await answering()).toEqual({ serving: 2, tried: [] });
  const promoted = { policy: 'canary', reason: expect.stringMatching(/clearly better$/) };
  await soon('decisions?policy=canary&outcome=fired').toMatchObject({ items: [promoted] });
  const compared = { champion: 1, challenger: 2, epoch: 1, onlyChampionRight: 0 };
  await soon('comparisons?a=1&b=2').toMatchObject({ items: [compared] });
  expect((await client.get(`/v1/models/${model}/comparisons?a=1&b=1`)).status).toBe(422);
  const roles = await loop.clickhouse.query<{ role: string }>(
    'SELECT DISTINCT role FROM effective_predictions ORDER BY role',
  );
  expect(roles.map(({ role }) => role)).toEqual(['canary', 'champion']);
});

it('withdraws a canary that they show to be worse, and lets the champion serve on', { timeout: 90_000 }, async () => {
  await expect.poll(async () => (await inference()).serving[0]?.version, patience).toBe(2);
  await tryVersion(3, 'canary', { share: 0.3 });
  await untilDecided();
  expect(await answering()).toEqual({ serving: 2, tried: [] });
  const withdrawn = { reason: expect.stringMatching(/clearly worse$/) };
  await soon('decisions?policy=canary&outcome=fired').toMatchObject({ items: [withdrawn, {}] });
});

it('answers every text while a shadow hangs, ends and comes back', { timeout: 90_000 }, async () => {
  await tryVersion(1, 'shadow');
  const instances = [{ state: 'answering', error: null }];
  await soon('comparisons').toMatchObject({ items: [{ challenger: 1, role: 'shadow', instances }] });
  const pid = async () => (await inference()).challengers[0]?.hostPid ?? 0;
  const first = await pid();
  process.kill(first, 'SIGSTOP');
  await sendRound();
  process.kill(first, 'SIGKILL');
  await sendRound();
  await expect.poll(pid, patience).not.toBe(first);
  const ids = await sendRound();
  const scored = `SELECT uniqExact(text_id) AS texts FROM predictions WHERE role = 'shadow' AND version = 1 AND text_id IN {ids:Array(String)}`;
  await expect.poll(async () => (await loop.clickhouse.query(scored, { ids }))[0], patience).toEqual({ texts: 60 });
});
