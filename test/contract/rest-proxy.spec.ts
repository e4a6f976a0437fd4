import { json, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from './rest-client.ts';
import { type Peer, sendJson, startPeer } from './rest-peers.ts';
import { type RestStack, startRestStack } from './rest-stack.ts';

/** How the gateway speaks with inference and retraining, held against answers that a healthy loop does not give. */

const version = {
  version: 2,
  stage: 'production',
  createdAt: '2026-01-01T00:00:00Z',
  digest: 'd',
  metrics: { accuracy: 0.9 },
};
const model = {
  model: 'm',
  labels: ['b', 'a'],
  serving: { version: 2, epoch: 3, since: '2026-01-01T00:00:00Z' },
  versions: [version],
};
const unknown = { title: 'Not found', status: 404, detail: 'no model named x', known: ['m'] };

let stack: RestStack;
let client: RestClient;
let inference: Peer;
let retraining: Peer;

beforeAll(async () => {
  inference = await startPeer(async (request, response) => {
    if (request.url === '/readyz') return sendJson(response, 200, {});
    if (request.url === '/v1/serving')
      return sendJson(response, 200, { statuses: [{ model: 'm', version: 2, state: 'serving' }] });
    if (request.url === '/v1/status')
      return sendJson(response, 200, { app: 'inference', ready: true, reasons: [], idle: true });
    const { texts, version: wanted } = (await json(request)) as { texts: string[]; version?: number };
    if (request.url !== '/v1/models/m/predict') return sendJson(response, 404, unknown);
    if (texts[0] === 'full') return sendJson(response, 429, { detail: 'the queue is full' }, { 'retry-after': '7' });
    if (texts[0] === 'silence') return undefined;
    if (texts[0] === 'hang up') return void response.destroy();
    const predictions = texts.map(() => ({ label: 'a', confidence: 0.75, probabilities: { a: 0.75, b: 0.25 } }));
    return sendJson(response, 200, {
      model: 'm',
      version: wanted ?? 2,
      epoch: wanted === undefined ? 3 : null,
      predictions,
    });
  });
  retraining = await startPeer(async (request, response) => {
    switch (`${request.method} ${request.url}`) {
      case 'GET /v1/models':
        return sendJson(response, 200, { models: [model] });
      case 'GET /v1/models/m':
        return sendJson(response, 200, model);
      case 'GET /v1/models/m/versions/2':
        return sendJson(response, 200, version);
      case 'POST /v1/models/m/datasets': {
        const lines = (await text(request)).trimEnd().split('\n');
        return sendJson(response, 201, { digest: 'd', texts: lines.length, labels: ['a'] });
      }
      case 'POST /v1/models/m/versions/2/promote': {
        const legal = ['archive'];
        return sendJson(response, 409, {
          detail: 'm@2 serves already',
          status: 409,
          title: 'Conflict',
          type: 'about:blank',
          legal,
        });
      }
      case 'POST /v1/models/m/rollback':
        return sendJson(response, 202, { id: 'r1', said: await json(request) });
      case 'GET /v1/status':
        return sendJson(response, 200, { app: 'retraining', ready: true, reasons: [], idle: false });
      default:
        return sendJson(response, 404, { ...unknown, type: 'about:blank' });
    }
  });
  stack = await startRestStack({
    // A second instance that is down: requests go on with the one that is up.
    'inference.url': `${inference.url},http://127.0.0.1:1`,
    'inference.requestTimeout': '500ms',
    'retraining.url': retraining.url,
  });
  client = await RestClient.connect(stack.url);
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await inference[Symbol.asyncDispose]();
  await retraining[Symbol.asyncDispose]();
});

const predict = (...texts: string[]) => client.post('/v1/models/m/predict', { texts });

describe('POST /v1/models/{model}/predict', () => {
  it('answers, whichever instance is asked first', async () => {
    for (let turn = 0; turn < 4; turn++)
      expect(await predict('a', 'b')).toMatchObject({ status: 200, body: { model: 'm', version: 2, epoch: 3 } });
    const named = await client.post('/v1/models/m/predict', { texts: ['a'], version: 1 });
    expect(named.body).toMatchObject({ version: 1, epoch: null });
  });

  it('hands 429 on, with its Retry-After', async () => {
    const answer = await predict('full');
    expect(answer).toMatchObject({ status: 429, body: { detail: 'the queue is full' } });
    expect(answer.headers.get('retry-after')).toBe('7');
  });

  it('does not wait for ever', async () => {
    const answer = await predict('silence');
    expect(answer).toMatchObject({ status: 503, body: { detail: expect.stringContaining('did not answer') } });
    expect(answer.headers.get('retry-after')).toBe('1');
  });

  it('answers 503 when the connection breaks', async () => {
    expect((await predict('hang up')).status).toBe(503);
  });

  it('answers 404 with the known models', async () => {
    const answer = await client.post('/v1/models/x/predict', { texts: ['a'] });
    expect(answer).toMatchObject({ status: 404, body: { known: ['m'] } });
    expect((await client.post('/v1/models/A%2Fb/predict', { texts: ['a'] })).status).toBe(404);
  });

  it.each([
    [{}, '/texts'],
    [{ texts: [] }, '/texts'],
    [{ texts: [1] }, '/texts/0'],
    [{ texts: ['a'], version: 0 }, '/version'],
    [{ texts: ['a'], verison: 1 }, '/verison'],
  ])('answers 422 to %j', async (body, pointer) => {
    const answer = await client.post('/v1/models/m/predict', body);
    expect(answer).toMatchObject({ status: 422, body: { errors: [expect.objectContaining({ pointer })] } });
  });
});

describe('POST /v1/models/{model}/batch-predictions', () => {
  const path = '/v1/models/m/batch-predictions';
  const ndjson = 'application/x-ndjson';

  it('streams a large file through in little memory', async () => {
    const line = Buffer.from(`{"text":"${'x'.repeat(1000)}"}\n`.repeat(1000));
    let pieces = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pieces++ < 60) controller.enqueue(line);
        else controller.close();
      },
    });
    const before = process.memoryUsage().rss;
    const response = await fetch(`${stack.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': ndjson },
      body,
      duplex: 'half',
    } as RequestInit);
    let answers = 0;
    for await (const chunk of response.body ?? []) for (const byte of chunk) if (byte === 0x0a) answers++;
    expect(answers).toBe(60_000);
    // 60 MB went up.
    expect((process.memoryUsage().rss - before) / 1024 ** 2).toBeLessThan(250);
  });

  it('answers bad lines in their place', async () => {
    const answer = await client.ask(path, {
      method: 'POST',
      raw: { type: ndjson, content: '{"text":"a"}\n{\n{"id":7,"text":"b"}' },
    });
    const lines = String(answer.body)
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(lines).toMatchObject([
      { line: 1, label: 'a' },
      { line: 2, error: expect.any(String) },
      { line: 3, id: 7 },
    ]);
  });

  it('takes CSV and an empty file', async () => {
    const csv = await client.ask(path, { method: 'POST', raw: { type: 'text/csv', content: 'text\nhello\n' } });
    expect(csv).toMatchObject({ status: 200, type: 'text/csv' });
    expect(String(csv.body)).toContain('\n2,,a,0.75,');
    expect(await client.ask(path, { method: 'POST', raw: { type: ndjson, content: '' } })).toMatchObject({
      status: 200,
      body: '',
    });
  });

  it('refuses what it cannot begin', async () => {
    const raw = { type: ndjson, content: '{"text":"a"}\n' };
    expect((await client.ask('/v1/models/x/batch-predictions', { method: 'POST', raw })).status).toBe(404);
    expect((await client.ask(`${path}?version=x`, { method: 'POST', raw })).status).toBe(422);
    expect((await client.post(path, { text: 'a' })).status).toBe(415);
  });
});

describe('Open Inference Protocol', () => {
  const inputs = [{ name: 'text', shape: [2], datatype: 'BYTES', data: ['a', 'b'] }];

  it('infers', async () => {
    expect((await client.post('/v2/models/m/infer', { id: '7', inputs })).body).toEqual({
      model_name: 'm',
      model_version: '2',
      id: '7',
      outputs: [
        { name: 'label', shape: [2], datatype: 'BYTES', data: ['a', 'a'] },
        { name: 'probabilities', shape: [2, 2], datatype: 'FP32', data: [0.75, 0.25, 0.75, 0.25] },
      ],
    });
    expect((await client.post('/v2/models/m/versions/1/infer', { inputs })).body).toMatchObject({ model_version: '1' });
  });

  it('describes the model', async () => {
    const expected = { name: 'm', versions: ['2'], parameters: { labels: '["a","b"]' } };
    expect((await client.get('/v2/models/m')).body).toMatchObject(expected);
    expect((await client.get('/v2/models/m/versions/2')).body).toMatchObject(expected);
    expect((await client.get('/v2/models/m/ready')).body).toEqual({ name: 'm', ready: true });
    expect((await client.get('/v2/models/m/versions/2/ready')).status).toBe(200);
    expect((await client.get('/v2/health/ready')).body).toEqual({ ready: true });
    expect((await client.get('/v2')).body).toMatchObject({ name: 'tidemill' });
  });

  it('has its own shape of errors', async () => {
    for (const [path, body, status] of [
      ['/v2/models/m/infer', {}, 400],
      ['/v2/models/m/infer', { inputs: [{ ...inputs[0], datatype: 'FP32' }] }, 400],
      ['/v2/models/m/versions/x/infer', { inputs }, 400],
      ['/v2/models/x/infer', { inputs }, 404],
    ] as const)
      expect(await client.post(path, body)).toMatchObject({ status, body: { error: expect.any(String) } });
    expect((await client.get('/v2/models/x')).body).toEqual({ error: 'no model named x' });
    expect((await client.get('/v2/models/m/versions/9')).status).toBe(404);
    const malformed = { type: 'application/json', content: '{' };
    expect(await client.ask('/v2/models/m/infer', { method: 'POST', raw: malformed })).toMatchObject({
      status: 400,
      body: { error: expect.any(String) },
    });
  });
});

describe('the registry behind', () => {
  it('answers models as they are', async () => {
    expect((await client.get('/v1/models')).body).toEqual({ models: [model] });
    expect((await client.get('/v1/models/m/versions/2')).body).toEqual(version);
  });

  it('knows no other model, wherever it is named', async () => {
    expect(await client.get('/v1/models/x')).toMatchObject({ status: 404, body: { known: ['m'] } });
    expect(await client.get('/v1/models/x/swaps')).toMatchObject({ status: 404, body: { known: ['m'] } });
    expect(
      await client.post('/v1/texts', [
        { model: 'm', text: 'a' },
        { model: 'x', text: 'a' },
      ]),
    ).toMatchObject({
      status: 404,
      body: { known: ['m'], errors: [{ pointer: '/1/model' }] },
    });
    expect((await client.post('/v1/models/x/rollback', {})).status).toBe(404);
  });

  it('hands a conflict on with the legal transitions', async () => {
    const answer = await client.post('/v1/models/m/versions/2/promote', { reason: 'why not' });
    expect(answer).toMatchObject({ status: 409, body: { legal: ['archive'] } });
  });

  it('gets bodies, also none', async () => {
    expect((await client.post('/v1/models/m/rollback', { to: 1, by: 'ann' })).body).toEqual({
      id: 'r1',
      said: { to: 1, by: 'ann' },
    });
  });

  it('gets uploads as they come', async () => {
    const content = '{"text":"a","label":"a"}\n'.repeat(50_000);
    const answer = await client.ask('/v1/models/m/datasets', {
      method: 'POST',
      raw: { type: 'application/x-ndjson', content },
    });
    expect(answer).toMatchObject({ status: 201, body: { texts: 50_000 } });
    expect(
      (
        await client.ask('/v1/models/A!/datasets', {
          method: 'POST',
          raw: { type: 'application/x-ndjson', content: '{}' },
        })
      ).status,
    ).toBe(422);
  });

  it('is part of the status', async () => {
    const answer = await client.get('/v1/status');
    expect(answer.body).toMatchObject({
      idle: false,
      apps: { inference: { idle: true }, retraining: { idle: false }, monitoring: { ready: false } },
    });
  });
});
