import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DriftReport, ServingStatus } from '#libs/events';
import { RestClient } from './rest-client.ts';
import { type RestStack, startRestStack } from './rest-stack.ts';

let stack: RestStack;
let client: RestClient;
beforeAll(async () => {
  stack = await startRestStack();
  client = await RestClient.connect(stack.url);
});
afterAll(() => stack[Symbol.asyncDispose]());

describe('documents and probes', () => {
  it.each([
    ['/healthz', 'application/json'],
    ['/readyz', 'application/json'],
    ['/metrics', 'text/plain'],
    ['/', 'text/html'],
    ['/docs', 'text/html'],
    ['/openapi.json', 'application/json'],
  ])('GET %s answers', async (path, type) => {
    expect(await client.get(path)).toMatchObject({ status: 200, type });
  });

  it('documents every endpoint of the surface', () => {
    expect(client.operations).toEqual(
      expect.arrayContaining([
        'POST /v1/texts',
        'POST /v1/labels',
        'GET /v1/predictions/{textId}',
        'POST /v1/models/{model}/predict',
        'POST /v1/models/{model}/batch-predictions',
        'POST /v2/models/{model}/infer',
        'POST /v2/models/{model}/versions/{version}/infer',
        'GET /v1/models',
        'GET /v1/models/{model}/versions/{version}',
        'POST /v1/models/{model}/rollback',
        'GET /v1/models/{model}/swaps',
        'GET /v1/events',
        'GET /v1/status',
      ]),
    );
  });

  it('answers 404 as a problem to what does not exist', async () => {
    expect(await client.get('/v1/nothing')).toMatchObject({ status: 404, type: 'application/problem+json' });
  });

  it('says of every part that is not there that it is not there', async () => {
    const answer = await client.get('/v1/status');
    expect(answer).toMatchObject({ status: 200, body: { ready: false, idle: false } });
    expect(await client.get('/v2/health/live')).toMatchObject({ status: 200, body: { live: true } });
    expect(await client.get('/v2/health/ready')).toMatchObject({ status: 503, body: { ready: false } });
    expect(await client.post('/v1/models/m/predict', { texts: ['a'] })).toMatchObject({ status: 503 });
    expect(await client.get('/v1/models')).toMatchObject({ status: 503 });
    expect(await client.get('/v2/models/m')).toMatchObject({ status: 503, body: { error: expect.any(String) } });
  });
});

describe('POST /v1/sql', () => {
  const sql = (statement: unknown, token?: string) =>
    client.post('/v1/sql', { sql: statement }, token === undefined ? {} : { authorization: `Bearer ${token}` });

  it('needs the token of the data directory, also on loopback', async () => {
    expect((await sql('SELECT 1')).status).toBe(401);
    await writeFile(join(stack.config.dataDirectory, 'token'), 'sesame\n', { mode: 0o600 });
    expect((await sql('SELECT 1', 'wrong')).status).toBe(401);
    expect(await sql('SELECT 1 AS one', 'sesame')).toMatchObject({
      status: 200,
      body: { columns: [{ name: 'one', type: 'UInt8' }], rows: [[1]] },
    });
  });

  it.each([
    'SELECT nothing FROM nowhere',
    'DROP TABLE texts',
    "SELECT * FROM file('/etc/passwd')",
    'SELECT 1; SELECT 2',
    '',
  ])('answers 422 to %j', async (statement) => {
    const answer = await sql(statement, 'sesame');
    expect(answer).toMatchObject({ status: 422, body: { errors: [expect.objectContaining({ pointer: '/sql' })] } });
  });
});

describe('dead letters', () => {
  const bytes = Buffer.from([0, 1, 2, 255]);
  async function bury(count: number): Promise<void> {
    const producer = stack.stream.producer();
    const headers = { own: 'kept', 'dlq-topic': 'texts', 'dlq-partition': '1', 'dlq-timestamp': '1767225600000' };
    const failure = { 'dlq-error': 'DECODE', 'dlq-reason': 'garbage', 'dlq-stage': 'decode', 'dlq-attempts': '1' };
    await producer.sendRaw(
      'texts-dlq',
      Array.from({ length: count }, (_, i) => ({
        key: `k${i}`,
        value: bytes,
        headers: { ...headers, ...failure, 'dlq-offset': String(i), 'dlq-failed-at': '1767225600001' },
      })),
    );
    await producer.close();
  }
  interface List {
    items: { id: number }[];
    nextCursor: string | null;
  }

  it('are listed newest first, page by page', async () => {
    await bury(5);
    expect((await client.get('/v1/dead-letters')).body).toEqual({
      topics: [
        { topic: 'labels', waiting: 0 },
        { topic: 'texts', waiting: 5 },
      ],
    });
    const first = (await client.get('/v1/dead-letters/texts?limit=3')).body as List;
    const second = (await client.get(`/v1/dead-letters/texts?limit=3&cursor=${first.nextCursor}`)).body as List;
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual([4, 3, 2, 1, 0]);
    expect(second.nextCursor).toBeNull();
    expect(first.items[0]).toMatchObject({ key: 'k4', value: bytes.toString('base64'), error: 'DECODE', partition: 1 });
  });

  it('are replayed with their bytes, and then gone', async () => {
    const answer = await client.post('/v1/dead-letters/texts/replay', { ids: [0, 1] });
    expect(answer).toMatchObject({ status: 200, body: { topic: 'texts', changed: 2 } });
    const ends = await stack.stream.admin.endOffsets('texts');
    expect(ends.reduce((sum, { high }) => sum + high, 0n)).toBe(2n);
    expect((await client.post('/v1/dead-letters/texts/replay', { ids: [0] })).status).toBe(404);
  });

  it('are dropped', async () => {
    expect((await client.post('/v1/dead-letters/texts/drop', { all: true })).body).toEqual({
      topic: 'texts',
      changed: 3,
    });
    expect((await client.get('/v1/dead-letters/texts')).body).toEqual({ items: [], nextCursor: null });
  });

  it('bad questions get their status', async () => {
    expect((await client.get('/v1/dead-letters/nowhere')).status).toBe(404);
    expect((await client.get('/v1/dead-letters/texts?limit=-1')).status).toBe(422);
    expect((await client.post('/v1/dead-letters/texts/drop', { ids: ['x'] })).status).toBe(422);
    expect((await client.post('/v1/dead-letters/texts/drop', {})).status).toBe(422);
  });
});

describe('GET /v1/events', () => {
  async function listen(headers: Record<string, string> = {}) {
    const stop = new AbortController();
    const response = await fetch(`${stack.url}/v1/events`, { headers, signal: stop.signal });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const seen: EventSourceMessage[] = [];
    const waiting = new Set<() => void>();
    const parser = createParser({
      onEvent: (event) => {
        seen.push(event);
        for (const check of waiting) check();
      },
    });
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
    })().catch(() => undefined);
    const event = (name: string) =>
      new Promise<EventSourceMessage>((resolve) => {
        const check = () => {
          const found = seen.find((one) => one.event === name);
          if (found === undefined) return;
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
      });
    return {
      seen,
      event,
      async close() {
        stop.abort();
        await reading;
      },
    };
  }

  it('tells reports, swaps and throughput as they happen, and what was missed', async () => {
    const stream = await listen();
    await stream.event('throughput');
    const producer = stack.stream.producer();
    const value: DriftReport = {
      id: 'r1',
      model: 'm',
      version: 1,
      epoch: 1,
      windowStart: 0,
      windowEnd: 1,
      revision: 0,
      texts: 1,
      referenceTexts: 0,
      verdict: 'stable',
      reason: '',
      statistics: [],
      movements: [],
      predictedShares: {},
      expectedAccuracy: 1,
      createdAt: 5,
    };
    await producer.send('drift-reports', [{ key: 'm', value }]);
    const told = await stream.event('drift-reports');
    expect(JSON.parse(told.data)).toMatchObject({ id: 'r1', windowEnd: '1970-01-01T00:00:00.001Z' });
    const serving: ServingStatus = {
      instance: 'i',
      model: 'm',
      version: 2,
      epoch: 3,
      bundleDigest: 'd',
      state: 'serving',
      firstOffsets: [],
      device: 'cpu',
      error: null,
      at: 7,
    };
    await producer.send('serving-status', [{ key: 'i/m', value: serving }]);
    await producer.close();
    expect(JSON.parse((await stream.event('swaps')).data)).toMatchObject({ version: 2, epoch: 3, instance: 'i' });
    await stream.close();
    const again = await listen({ 'last-event-id': told.id ?? '' });
    expect(JSON.parse((await again.event('hello')).data)).toEqual({ resumed: true });
    await again.event('swaps');
    expect(again.seen.some(({ event }) => event === 'drift-reports')).toBe(false);
    await again.close();
  });

  it('tolerates a Last-Event-ID it does not know', async () => {
    const stream = await listen({ 'last-event-id': 'from-another-life' });
    expect(JSON.parse((await stream.event('hello')).data)).toEqual({ resumed: false });
    await stream.close();
  });
});
