import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { madeUpTexts } from '../../apps/retraining/src/testing/made-up-texts.ts';
import { testText } from '../../libs/model/src/testing/test-bundle.ts';
import { familyOf } from '../support/product.ts';
import { type Answer, RestClient } from './rest-client.ts';
import { startRestStack } from './rest-stack.ts';
import { lines, ndjson, startWords, type Words } from './rest-words.ts';

/** What the gateway answers of a loop that is well: every service is the real one. */

let words: Words;
let client: Words['client'];
let predict: Words['predict'];
let upload: Words['upload'];

beforeAll(async () => {
  // Room for one request of the longest kind, and for a host that a test holds.
  words = await startWords({ 'inference.maximumQueuedTexts': 1000, 'inference.requestTimeout': '1m' });
  ({ client, predict, upload } = words);
});
afterAll(() => words[Symbol.asyncDispose]());

/** One of the north and one of the south, as version 2 and version 1 know them. */
const made = [testText('north', 1), testText('south', 2)];
const trained = [...madeUpTexts('north', 1, 300), ...madeUpTexts('south', 1, 300)].map(({ text }) => text);
const labelled = (...labels: string[]) => labels.map((label) => expect.objectContaining({ label }));

describe('POST /v1/models/{model}/predict', () => {
  it('answers by the version that serves, or by the one that is named', async () => {
    const answer = await predict(made);
    expect(answer).toMatchObject({ status: 200, body: { model: 'words', version: 2, epoch: 2 } });
    expect(answer.body).toMatchObject({ predictions: labelled('north', 'south') });
    for (const [version, epoch, texts] of [
      [2, 2, made],
      [1, null, trained],
    ] as const)
      expect((await predict(texts, version)).body).toMatchObject({
        version,
        epoch,
        predictions: labelled('north', 'south'),
      });
  });

  it('says which texts were cut to what the model takes', async () => {
    const texts = [testText('north', 1), testText('north', 1).repeat(10_000)];
    const truncated = [false, true].map((cut) => expect.objectContaining({ truncated: cut }));
    for (const version of [2, 1])
      expect((await predict(texts, version)).body).toMatchObject({ predictions: truncated });
  });

  it('answers by a version of a model that has never served when it is named', async () => {
    await words.importBundle('draft', { variant: 1 });
    expect(await predict([testText('south', 3, 1)], 1, 'draft')).toMatchObject({
      status: 200,
      body: { version: 1, epoch: null, predictions: labelled('south') },
    });
    expect(await predict(['a'], undefined, 'draft')).toMatchObject({ status: 404, body: { known: ['words'] } });
  });

  it('answers 404 with what there is', async () => {
    for (const model of ['nobody', 'A%2Fb', 'x'.repeat(64)])
      expect(await predict(['a'], undefined, model)).toMatchObject({ status: 404, body: { known: ['words'] } });
    expect(await predict(['a'], 9)).toMatchObject({ status: 404, body: { known: ['words@1', 'words@2'] } });
    expect(await predict(['a'], 1, 'nobody')).toMatchObject({
      status: 404,
      body: { known: expect.arrayContaining(['words']) },
    });
  });

  it.each([
    [{}, '/texts'],
    [{ texts: [] }, '/texts'],
    [{ texts: [1] }, '/texts/0'],
    [{ texts: ['a'], version: 0 }, '/version'],
    [{ texts: ['a'], verison: 1 }, '/verison'],
  ])('answers 422 to %j', async (body, pointer) => {
    const answer = await client.post('/v1/models/words/predict', body);
    expect(answer).toMatchObject({ status: 422, body: { errors: [expect.objectContaining({ pointer })] } });
  });

  it('asks another instance when one is down', async () => {
    const { inference, retraining, kafka } = words.loop.config;
    const settings = { 'retraining.url': retraining.url, 'kafka.topicPrefix': kafka.topicPrefix };
    const urls = `http://127.0.0.1:1,${inference.url}`;
    await using beside = await startRestStack({ ...settings, 'inference.url': urls }, words.loop);
    const other = await RestClient.connect(beside.url);
    for (let turn = 0; turn < 4; turn++)
      expect((await other.post('/v1/models/words/predict', { texts: made })).status).toBe(200);
  });
});

describe('a full queue', () => {
  /** Stops the processes that run the models, so that what comes waits as long as the test likes. */
  async function holdHosts(): Promise<Disposable> {
    const family = await familyOf(process.pid);
    const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=,args=', '-p', family.join(',')]);
    const hosts = stdout.split('\n').filter((line) => line.includes('/libs/model/src/host.'));
    expect(hosts.length).toBeGreaterThan(0);
    const signal = (name: NodeJS.Signals) => hosts.forEach((line) => process.kill(Number.parseInt(line, 10), name));
    signal('SIGSTOP');
    return { [Symbol.dispose]: () => signal('SIGCONT') };
  }

  /** Long requests sent at once, of which `answered` can be taken in; resolves when the others have been refused. */
  async function fill(requests: number, answered: number, version?: number) {
    const texts = Array.from({ length: 1000 }, (_, i) => testText('north', i));
    const refused: Answer[] = [];
    const full = Promise.withResolvers<void>();
    const answers = Array.from({ length: requests }, async () => {
      const answer = await predict(texts, version);
      if (answer.status !== 200 && refused.push(answer) === requests - answered) full.resolve();
      return answer;
    });
    await Promise.race([full.promise, Promise.all(answers)]);
    return { refused, all: Promise.all(answers) };
  }

  // At most: two batches are with the host, one request waits. On a busy machine a request may need more than one batch.
  const roomFor = 3;

  it('refuses with Retry-After what it has no room for, and answers the rest', async () => {
    let filled: Awaited<ReturnType<typeof fill>>;
    {
      using _held = await holdHosts();
      filled = await fill(8, roomFor);
    }
    const answers = (await filled.all).filter(({ status }) => status === 200);
    expect(filled.refused.length).toBeGreaterThanOrEqual(8 - roomFor);
    for (const { status, headers, body } of filled.refused) {
      expect(status).toBe(429);
      expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(body).toMatchObject({ detail: expect.stringMatching(/: \d+ texts wait$/) });
    }
    expect(answers.length).toBeGreaterThan(0);
    expect(answers.length + filled.refused.length).toBe(8);
    for (const { body } of answers) expect(body).toMatchObject({ version: 2, epoch: 2 });
    expect((await predict(made)).status).toBe(200);
  });

  it('does not answer by another version than the named one when a swap comes between', async () => {
    let filled: Awaited<ReturnType<typeof fill>>;
    {
      using _held = await holdHosts();
      filled = await fill(4, roomFor, 2);
      await words.govern('rollback');
      await words.served(3);
    }
    const answers = (await filled.all).filter(({ status }) => status === 200);
    expect(answers.length).toBeGreaterThan(0);
    for (const { body } of answers) expect(body).toMatchObject({ version: 2 });
    await words.govern('versions/2/promote');
    await words.served(4);
  });
});

describe('POST /v1/models/{model}/batch-predictions', () => {
  const path = '/v1/models/words/batch-predictions';
  const post = (content: string, type = ndjson) => client.ask(path, { method: 'POST', raw: { type, content } });

  it('streams a large file through in little memory', async () => {
    const line = Buffer.from(lines({ text: `${made[0]} ${'x'.repeat(20_000)}` }).repeat(50));
    let pieces = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pieces++ < 60) controller.enqueue(line);
        else controller.close();
      },
    });
    const before = process.memoryUsage().rss;
    const answer = await client.ask(path, { method: 'POST', raw: { type: ndjson, content: body } });
    expect(String(answer.body).match(/"label"/g)).toHaveLength(3000);
    // 60 MB went up.
    expect((process.memoryUsage().rss - before) / 1024 ** 2).toBeLessThan(250);
  });

  it('answers bad lines in their place', async () => {
    const answer = await post(`${lines({ text: made[0] })}{\n${lines({ id: 7, text: made[1] })}`);
    const answers = String(answer.body).trimEnd().split('\n');
    expect(answers.map((line): unknown => JSON.parse(line))).toMatchObject([
      { line: 1, label: 'north', model: 'words', version: 2 },
      { line: 2, error: expect.any(String) },
      { line: 3, id: 7, label: 'south' },
    ]);
  });

  it('takes CSV, an empty file and a version', async () => {
    const csv = await post(`id,text\n7,${made[1]}\n`, 'text/csv');
    expect(csv).toMatchObject({ status: 200, type: 'text/csv' });
    expect(String(csv.body)).toContain('\n2,7,south,0.');
    expect(await post('')).toMatchObject({ status: 200, body: '' });
    const raw = { type: ndjson, content: lines({ text: trained[0] }) };
    const named = await client.ask(`${path}?version=1`, { method: 'POST', raw });
    expect(JSON.parse(String(named.body))).toMatchObject({ label: 'north', version: 1, epoch: null });
  });

  it('refuses what it cannot begin', async () => {
    const raw = { type: ndjson, content: lines({ text: 'a' }) };
    const ask = (to: string) => client.ask(to, { method: 'POST', raw });
    expect(await ask('/v1/models/nobody/batch-predictions')).toMatchObject({ status: 404, body: { known: ['words'] } });
    expect((await ask(`${path}?version=9`)).status).toBe(404);
    expect((await ask(`${path}?version=x`)).status).toBe(422);
    expect((await client.post(path, { text: 'a' })).status).toBe(415);
  });
});

describe('Open Inference Protocol', () => {
  const inputs = (data: string[]) => [{ name: 'text', shape: [data.length], datatype: 'BYTES', data }];

  it('infers', async () => {
    const { body } = await client.post('/v2/models/words/infer', { id: '7', inputs: inputs(made) });
    expect(body).toEqual({
      model_name: 'words',
      model_version: '2',
      id: '7',
      outputs: [
        { name: 'label', shape: [2], datatype: 'BYTES', data: ['north', 'south'] },
        { name: 'probabilities', shape: [2, 3], datatype: 'FP32', data: Array(6).fill(expect.any(Number)) },
      ],
    });
    expect((await client.post('/v2/models/words/versions/1/infer', { inputs: inputs(trained) })).body).toMatchObject({
      model_version: '1',
      outputs: [{ data: ['north', 'south'] }, { shape: [2, 2] }],
    });
  });

  it('describes a model and each of its versions', async () => {
    const described = (...labels: string[]) => ({
      name: 'words',
      versions: ['1', '2'],
      outputs: [{ name: 'label' }, { name: 'probabilities', shape: [-1, labels.length] }],
      parameters: { labels: JSON.stringify(labels) },
    });
    expect((await client.get('/v2/models/words')).body).toMatchObject(described('east', 'north', 'south'));
    expect((await client.get('/v2/models/words/versions/2')).body).toMatchObject(described('east', 'north', 'south'));
    expect((await client.get('/v2/models/words/versions/1')).body).toMatchObject(described('north', 'south'));
  });

  it('is ready for what it answers', async () => {
    for (const path of ['', '/versions/1', '/versions/2'])
      expect(await client.get(`/v2/models/words${path}/ready`)).toMatchObject({
        status: 200,
        body: { name: 'words', ready: true },
      });
    expect(await client.get('/v2/health/ready')).toMatchObject({ status: 200, body: { ready: true } });
    expect((await client.get('/v2')).body).toMatchObject({ name: 'tidemill' });
  });

  it('has its own shape of errors', async () => {
    for (const [path, body, status] of [
      ['/v2/models/words/infer', {}, 400],
      ['/v2/models/words/infer', { inputs: [{ ...inputs(['a'])[0], datatype: 'FP32' }] }, 400],
      ['/v2/models/words/versions/x/infer', { inputs: inputs(['a']) }, 400],
      ['/v2/models/words/versions/9/infer', { inputs: inputs(['a']) }, 404],
      ['/v2/models/nobody/infer', { inputs: inputs(['a']) }, 404],
    ] as const)
      expect(await client.post(path, body)).toMatchObject({ status, body: { error: expect.any(String) } });
    expect((await client.get('/v2/models/nobody')).body).toEqual({ error: 'no model named nobody' });
    expect((await client.get('/v2/models/words/versions/9')).status).toBe(404);
    const raw = { type: 'application/json', content: '{' };
    expect(await client.ask('/v2/models/words/infer', { method: 'POST', raw })).toMatchObject({
      status: 400,
      body: { error: expect.any(String) },
    });
  });
});

describe('a text', () => {
  it('is answered under its id', async () => {
    const sent = await client.post('/v1/texts', { model: 'words', id: 'one', text: made[1] });
    expect(sent.status).toBe(202);
    expect(await client.get('/v1/predictions/one?model=words&wait=30s')).toMatchObject({
      status: 200,
      body: { textId: 'one', model: 'words', version: 2, label: 'south', role: 'champion' },
    });
  });

  it('of a model that does not exist is refused, and with it all that came along', async () => {
    const texts = ['words', 'nobody'].map((model) => ({ model, id: `for-${model}`, text: 'a' }));
    expect(await client.post('/v1/texts', texts)).toMatchObject({
      status: 404,
      body: { known: expect.arrayContaining(['words']), errors: [{ pointer: '/1/model' }] },
    });
    expect((await client.get('/v1/predictions/for-words?model=words')).status).toBe(404);
  });
});

describe('the registry behind', () => {
  it('tells models, versions and runs', async () => {
    expect((await client.get('/v1/models/words')).body).toMatchObject({
      labels: ['east', 'north', 'south'],
      serving: { version: 2 },
      versions: [
        { version: 1, stage: 'archived', metrics: { accuracy: expect.any(Number) } },
        { version: 2, stage: 'production', reason: 'imported' },
      ],
    });
    expect((await client.get('/v1/models/words/versions/1')).body).toMatchObject({
      labels: ['north', 'south'],
      card: expect.stringContaining('words'),
      lineage: expect.any(Object),
    });
    const { runs } = (await client.get('/v1/runs')).body as { runs: { runId: string }[] };
    expect(runs).toMatchObject([{ model: 'words', version: 1, status: 'finished' }]);
    expect((await client.get(`/v1/runs/${runs[0]?.runId}`)).body).toEqual(runs[0]);
  });

  it('knows no other model, wherever it is named', async () => {
    for (const path of ['', '/versions', '/versions/1', '/swaps', '/decisions'])
      expect(await client.get(`/v1/models/nobody${path}`)).toMatchObject({
        status: 404,
        body: { known: expect.arrayContaining(['words']) },
      });
    const governed = ['promote', 'archive', 'shadow', 'canary', 'withdraw'].map((word) => `versions/1/${word}`);
    for (const path of ['rollback', ...governed, 'retraining-requests'])
      expect((await client.post(`/v1/models/nobody/${path}`, {})).status).toBe(404);
    expect((await client.get('/v1/models/words/versions/9')).body).toMatchObject({ known: ['words@1', 'words@2'] });
  });

  it('refuses what may not be, with what may', async () => {
    for (const [path, body, detail, legal] of [
      ['versions/2/promote', {}, 'words@2 serves already', ['promote words@1']],
      ['versions/2/archive', {}, 'words@2 serves', []],
      ['rollback', { to: 2 }, 'words@2 serves already', ['rollback words@1']],
    ] as const)
      expect(await client.post(`/v1/models/words/${path}`, body)).toMatchObject({
        status: 409,
        body: { detail: expect.stringContaining(detail), legal },
      });
    expect((await client.post('/v1/models/words/versions/1/promote', { why: 'not' })).status).toBe(422);
  });

  it('takes uploads as they come', async () => {
    const rows = Array.from({ length: 50_000 }, (_, i) => ({ text: `text ${i}`, label: `class ${i % 3}` }));
    expect(await upload('large', lines(...rows))).toMatchObject({ status: 201, body: { texts: 50_000 } });
    for (const type of ['text/csv', 'text/csv; charset=utf-8'])
      expect((await upload('small', 'text,label\nsnow,a\nsun,b\n', type)).status).toBe(201);
    for (const type of ['application/jsonl', 'application/jsonlines'])
      expect((await upload('small', lines(...rows.slice(0, 9)), type)).status).toBe(201);
  });

  it('refuses uploads it cannot use', async () => {
    expect(await upload('words', `${lines({ text: 'a', label: 'b' })}nonsense\n`)).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/lines/2' }] },
    });
    expect((await upload('A!', lines({ text: 'a', label: 'b' }))).status).toBe(422);
    expect((await upload('words', '{}', 'application/json')).status).toBe(415);
    expect((await upload('words', 'text', 'text/plain')).status).toBe(415);
    const unknown = { dataset: '0'.repeat(64) };
    expect(await client.post('/v1/models/words/retraining-requests', unknown)).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/dataset' }] },
    });
  });
});

describe('when all is done', () => {
  it('the loop is ready and idle, and says so of every part', async () => {
    const idle = { ready: true, idle: true };
    let answer = await client.get('/v1/status');
    while (!(answer.body as { idle: boolean }).idle) answer = await client.get('/v1/status');
    expect(answer.body).toMatchObject({
      ...idle,
      reasons: [],
      apps: { inference: idle, monitoring: idle, retraining: idle },
    });
    expect((await client.get('/readyz')).status).toBe(200);
  });

  it('every swap and decision can be looked up', async () => {
    const { items } = (await client.get('/v1/models/words/swaps')).body as { items: unknown[] };
    expect(items).toMatchObject([
      { epoch: 4, version: 2, fromVersion: 1, action: 'promote' },
      { epoch: 3, version: 1, fromVersion: 2, action: 'rollback' },
      { epoch: 2, version: 2, fromVersion: 1, promotedBy: 'ana', reason: 'knows the east' },
      { epoch: 1, version: 1, fromVersion: null, servingAt: expect.any(String) },
    ]);
    expect((await client.get('/v1/models/words/decisions?outcome=fired')).body).toMatchObject({
      items: [{ policy: 'manual', evidence: expect.stringContaining(words.dataset) }],
    });
  });
});
