import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Upstream } from '../edge/upstream.ts';
import { BatchPredictions } from './batch-predictions.ts';
import { Predictor } from './predictor.ts';

type Handler = (body: { texts: string[] }, response: ServerResponse) => void;

/** An HTTP service that speaks as inference does; what it says is the test's. */
let handler: Handler = answer;
const server = createServer((request: IncomingMessage, response) => {
  void text(request).then((body) => handler(JSON.parse(body), response));
});
let batches: BatchPredictions;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const inference = new Upstream({ name: 'inference', urls: `http://127.0.0.1:${port}`, deadline: 5000 });
  batches = new BatchPredictions(new Predictor(inference), 10_000);
});
afterAll(() => server.close());

function answer({ texts }: { texts: string[] }, response: ServerResponse): void {
  const predictions = texts.map((one) => ({
    label: one,
    confidence: 1,
    probabilities: { [one]: 1 },
    truncated: one.length > 4,
  }));
  send(response, 200, { model: 'm', version: 2, epoch: 3, predictions });
}

function send(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

async function* lines(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield Buffer.from(`{"id":${i},"text":"t${i}"}\n`);
}

async function run(input: AsyncIterable<Uint8Array>, format: 'jsonl' | 'csv' = 'jsonl') {
  const request = { model: 'm', version: undefined, format, input, signal: new AbortController().signal };
  return text(await batches.run(request));
}

async function* once(content: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}

describe('BatchPredictions', () => {
  it('answers every line in its place, bad ones with the reason', async () => {
    const output = await run(once('{"id":"a","text":"x"}\nnonsense\n{"id":"b"}\n{"text":"y long"}\n'));
    const answers = output
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(answers).toMatchObject([
      { line: 1, id: 'a', label: 'x', truncated: false, version: 2, epoch: 3 },
      { line: 2, error: expect.stringContaining('not JSON') },
      { line: 3, id: 'b', error: 'no "text"' },
      { line: 4, label: 'y long', truncated: true },
    ]);
  });

  it('keeps the order of many lines over several batches', async () => {
    const output = await run(lines(1000));
    const ids = output
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: number }).id);
    expect(ids).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });

  it('speaks CSV', async () => {
    const output = await run(once('id,text\n1,"a, b"\n2,longer\n'), 'csv');
    expect(output.split('\n')).toEqual([
      'line,id,label,confidence,probabilities,truncated,model,version,epoch,error',
      '2,1,"a, b",1,"{""a, b"":1}",false,m,2,3,',
      '3,2,longer,1,"{""longer"":1}",true,m,2,3,',
      '',
    ]);
  });

  it('refuses the whole file when the first batch cannot be answered', async () => {
    handler = (_body, response) => send(response, 404, { detail: 'no model named m', known: ['k'] });
    await expect(run(lines(3))).rejects.toThrow('no model named m');
    handler = answer;
  });

  it('answers the other lines when the model has no answer for some', async () => {
    handler = (body, response) => {
      const errors = body.texts.flatMap((one, row) =>
        one.endsWith('7') ? [{ pointer: `/texts/${row}`, message: `no answer for ${one}` }] : [],
      );
      // It may take several attempts to find all of them.
      if (errors.length > 0)
        send(response, 422, { detail: 'no answer for some of the texts', errors: errors.slice(0, 4) });
      else answer(body, response);
    };
    const answers = (await run(lines(100))).trimEnd().split('\n');
    expect(answers.map((line): unknown => JSON.parse(line))).toMatchObject(
      Array.from({ length: 100 }, (_, id) =>
        id % 10 === 7 ? { id, error: `no answer for t${id}` } : { id, label: `t${id}` },
      ),
    );
    expect(await run(once('{"text":"7"}\n'))).toBe('{"line":1,"error":"no answer for 7"}\n');
    handler = answer;
  });

  it('refuses a file for what is wrong with all of it', async () => {
    const errors = [{ pointer: '/version', message: 'no version' }];
    handler = (_body, response) => send(response, 422, { detail: 'no version', errors });
    await expect(run(lines(3))).rejects.toMatchObject({ status: 422, document: { errors } });
    handler = answer;
  });

  it('waits out overload in the middle', async () => {
    let calls = 0;
    handler = (body, response) => {
      if (++calls === 2) send(response, 429, { detail: 'full' }, { 'retry-after': '0' });
      else answer(body, response);
    };
    const output = await run(lines(200));
    expect(output).not.toContain('error');
    expect(output.trimEnd().split('\n')).toHaveLength(200);
    handler = answer;
  });

  it('says on each line what went wrong later', async () => {
    let calls = 0;
    handler = (body, response) => {
      if (++calls === 1) answer(body, response);
      else send(response, 500, { detail: 'broken' });
    };
    const output = await run(lines(100));
    expect(output.match(/"label"/g)).toHaveLength(64);
    expect(output.match(/"error":"broken"/g)).toHaveLength(36);
    handler = answer;
  });

  it('reads no faster than it is read', async () => {
    let taken = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        taken++;
        yield Buffer.from('{"text":"t"}\n');
      }
    }
    const request = { model: 'm', version: undefined, format: 'jsonl', signal: new AbortController().signal } as const;
    const output = await batches.run({ ...request, input: endless() });
    const reader = output[Symbol.asyncIterator]();
    for (let i = 0; i < 5; i++) await reader.next();
    await reader.return?.();
    expect(taken).toBeLessThan(5000);
  });
});
