import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ClickHouse } from '#libs/clickhouse';
import { topics, type TriggerDecision } from '#libs/events';
import type { RunningApp } from '#libs/http';
import { type Configuration, loadConfig, Readiness } from '#libs/platform';
import { openTemporaryClickHouse } from '../../../libs/clickhouse/src/testing/temporary-clickhouse.ts';
import { defaultStreamSettings } from '#libs/stream';
import { createStream } from '../../../libs/stream/src/stream.ts';
import { MemoryBackend } from '../../../libs/stream/src/testing/memory-backend.ts';
import { MemoryBroker } from '../../../libs/stream/src/testing/memory-broker.ts';
import { MemorySchemas } from '../../../libs/stream/src/testing/memory-schemas.ts';
import { type MemoryStream, openMemoryStream } from '../../../libs/stream/src/testing/memory-stream.ts';
import { createRetraining } from './retraining.app.ts';
import { madeUpTexts } from './testing/made-up-texts.ts';

const status = z.looseObject({
  app: z.literal('retraining'),
  ready: z.boolean(),
  idle: z.boolean(),
  phase: z.string().optional(),
});
const model = z.looseObject({ serving: z.looseObject({ version: z.number(), epoch: z.number() }).nullable() });
const dataset = z.looseObject({ digest: z.string(), texts: z.number() });

let memory: MemoryStream;
let clickhouse: ClickHouse;
let config: Configuration;
let app: RunningApp;

beforeEach(async () => {
  memory = await openMemoryStream();
  clickhouse = await openTemporaryClickHouse();
  const defaults = loadConfig({ env: {} }).config;
  const dataDirectory = await mkdtemp(join(tmpdir(), 'tidemill-retraining-app-'));
  config = { ...defaults, dataDirectory, retraining: { ...defaults.retraining, port: 0 } };
  app = await start();
});

afterEach(async () => {
  await app.close();
  await memory.stream.close();
  await clickhouse.close();
  await rm(config.dataDirectory, { recursive: true, force: true });
});

function start(services: Omit<MemoryStream, 'broker' | 'schemas' | 'backend' | 'fatal'> = memory): Promise<RunningApp> {
  return createRetraining({ ...services, readiness: new Readiness(), config, clickhouse });
}

function post(path: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${app.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(await (await fetch(`${app.url}${path}`)).json());
}

async function upload(): Promise<string> {
  const rows = [...madeUpTexts('north', 300), ...madeUpTexts('south', 300)];
  const headers = { 'content-type': 'application/x-ndjson' };
  const body = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const answer = await fetch(`${app.url}/v1/models/words/datasets`, { method: 'POST', headers, body });
  return dataset.parse(await answer.json()).digest;
}

async function until(condition: (now: z.output<typeof status>) => boolean): Promise<void> {
  while (!condition(await get('/v1/status', status)));
}

describe('retraining', () => {
  it('makes a model that nobody knows from a data set, and logs who asked', async () => {
    const digest = await upload();
    const answer = await post('/v1/models/words/retraining-requests', {
      dataset: digest,
      reason: 'first',
      requestedBy: 'ana',
    });
    expect(answer.status).toBe(202);
    const { id } = z.object({ id: z.string() }).parse(await answer.json());
    await until(({ idle }) => idle);
    expect(await get('/v1/models/words', model)).toMatchObject({ serving: { version: 1, epoch: 1 } });
    const decisions: TriggerDecision[] = [];
    await memory.stream.readToEnd('trigger-decisions', ({ value }) => void (value !== null && decisions.push(value)));
    expect(decisions).toMatchObject([{ policy: 'manual', outcome: 'fired', reason: 'first', requestId: id }]);
  });

  it('refuses a request that cannot be', async () => {
    const unknown = await post('/v1/models/nobody/retraining-requests', {});
    expect(unknown.status).toBe(404);
    expect((await post('/v1/models/No_Name/retraining-requests', {})).status).toBe(422);
    expect((await post('/v1/models/nobody/retraining-requests', { reason: 5 })).status).toBe(422);
    await upload();
    expect((await post('/v1/models/words/retraining-requests', { dataset: '0'.repeat(64) })).status).toBe(422);
  });

  it('begins a request again that a stop cut short', async () => {
    await upload();
    await post('/v1/models/words/retraining-requests', {});
    await until(({ phase }) => phase === 'train');
    await app.close();
    app = await start();
    await until(({ idle }) => idle);
    expect(await get('/v1/models/words', model)).toMatchObject({ serving: { version: 1, epoch: 1 } });
  });

  it('listens while it waits for topics', async () => {
    const backend = new MemoryBackend(new MemoryBroker());
    const stream = createStream({ backend, schemas: new MemorySchemas() }, defaultStreamSettings, memory);
    await app.close();
    // A port that was free a moment ago.
    config.retraining.port = Number(new URL(app.url).port);
    const starting = start({ ...memory, stream });
    let waiting: Response | undefined;
    while (waiting === undefined) waiting = await fetch(`${app.url}/readyz`).catch(() => undefined);
    expect(waiting.status).toBe(503);
    expect(await waiting.json()).toMatchObject({ reasons: [expect.stringContaining('topics are missing: texts')] });
    await stream.admin.applyTopics(Object.values(topics));
    app = await starting;
    expect((await fetch(`${app.url}/readyz`)).status).toBe(200);
    await app.close();
    await stream.close();
  });
});
