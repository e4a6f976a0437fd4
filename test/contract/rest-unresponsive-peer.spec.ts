import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from './rest-client.ts';
import { type RestStack, startRestStack } from './rest-stack.ts';

/** What clients get while a service behind the gateway says nothing, breaks off or speaks something else. */

interface Peer extends AsyncDisposable {
  url: string;
  /** What is done with the next connections that have sent something. */
  behave: (socket: Socket) => void;
}

const silence = () => undefined;

/** Accepts connections as a service does; what it does with them is not what a service does. */
async function startPeer(): Promise<Peer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    socket
      .once('data', () => peer.behave(socket))
      .on('data', silence)
      .on('error', silence);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const peer: Peer = {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    behave: silence,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return peer;
}

const head = (status: string, length: number) =>
  `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n`;
const says = (words: string) => (socket: Socket) => void socket.end(words);
/** Tears the connection down when the words are out. */
const breaksAfter = (words: string) => (socket: Socket) =>
  void socket.write(words, () => setImmediate(() => socket.destroy()));

/** Ways to break off, and to say what no service says. */
const faults: [string, (socket: Socket) => void][] = [
  ['breaks off at once', (socket) => void socket.destroy()],
  ['resets the connection', (socket) => void socket.resetAndDestroy()],
  ['breaks off in the head', breaksAfter('HTTP/1.1 200 OK\r\ncontent-')],
  ['breaks off in the body', breaksAfter(`${head('200 OK', 1000)}{"model":`)],
  ['does not speak HTTP', says('220 mail.example.org ESMTP\r\n')],
  ['answers without a body', says(head('200 OK', 0))],
  ['answers with a page', says(`${head('200 OK', 15)}<html>hi</html>`)],
  ['answers with something else', says(`${head('200 OK', 2)}{}`)],
  ['is a proxy that cannot reach it', says(`${head('502 Bad Gateway', 15)}<html>hi</html>`)],
];

let stack: RestStack;
let client: RestClient;
let inference: Peer;
let retraining: Peer;

beforeAll(async () => {
  [inference, retraining] = await Promise.all([startPeer(), startPeer()]);
  stack = await startRestStack({
    'inference.url': inference.url,
    'inference.requestTimeout': '200ms',
    'retraining.url': retraining.url,
  });
  client = await RestClient.connect(stack.url);
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await inference[Symbol.asyncDispose]();
  await retraining[Symbol.asyncDispose]();
});

const texts = { texts: ['a'] };
const inputs = [{ name: 'text', shape: [1], datatype: 'BYTES', data: ['a'] }];
const file = (content: string | ReadableStream) => ({
  method: 'POST' as const,
  raw: { type: 'application/x-ndjson', content },
});

describe.each(faults)('a service that %s', (fault, behave) => {
  it('is 503 for predictions, with Retry-After', async () => {
    inference.behave = behave;
    const answers = [
      await client.post('/v1/models/m/predict', texts),
      await client.post('/v2/models/m/infer', { inputs }),
      await client.ask('/v1/models/m/batch-predictions', file('{"text":"a"}\n')),
    ];
    for (const { status, headers } of answers) {
      expect(status).toBe(503);
      expect(headers.get('retry-after')).toBe('1');
    }
    expect(answers[0]?.body).toMatchObject({ detail: expect.stringMatching(/^inference /) });
  });

  it('is not ready, and stands in nobody’s way', async () => {
    inference.behave = behave;
    retraining.behave = behave;
    expect((await client.get('/v1/status')).body).toMatchObject({
      ready: false,
      idle: false,
      apps: { inference: { ready: false }, retraining: { ready: false } },
    });
    expect((await client.post('/v1/texts', { model: 'm', text: 'a' })).status).toBe(202);
    expect((await client.get('/healthz')).status).toBe(200);
    expect((await client.get('/v2/models/m')).status).toBe(503);
  });

  it('is 503 for what is handed on, too, and an answer cut short is not taken for a whole one', async () => {
    retraining.behave = behave;
    const response = await fetch(`${stack.url}/v1/models`);
    if (fault === 'breaks off in the body') await expect(response.text()).rejects.toThrow('terminated');
    else expect(response.status).toBe(fault.startsWith('answers') ? 200 : 503);
  });
});

describe('a service that never answers', () => {
  it('is waited for no longer than configured', async () => {
    inference.behave = silence;
    for (const words of ['', head('200 OK', 1000)]) {
      inference.behave = (socket) => void socket.write(words);
      const answer = await client.post('/v1/models/m/predict', texts);
      expect(answer).toMatchObject({
        status: 503,
        body: { detail: expect.stringMatching(/^inference did not answer in/) },
      });
      expect(answer.headers.get('retry-after')).toBe('1');
    }
  });

  it('is let go of when the client goes away', async () => {
    const gone = new AbortController();
    const asked = Promise.withResolvers<Socket>();
    retraining.behave = asked.resolve;
    inference.behave = asked.resolve;
    const answer = fetch(`${stack.url}/v1/models`, { signal: gone.signal });
    const socket = await asked.promise;
    gone.abort();
    await expect(answer).rejects.toThrow('aborted');
    await once(socket, 'close');
  });

  it.each([
    ['/v1/models/m/predict', texts],
    ['/v2/models/m/infer', { inputs }],
  ])('is let go of by %s when the client goes away, not when the time is up', async (path, body) => {
    const before = Promise.withResolvers<Socket>();
    inference.behave = before.resolve;
    const timeIsUp = client.post(path, body);
    await before.promise;
    const gone = new AbortController();
    const asked = Promise.withResolvers<Socket>();
    inference.behave = asked.resolve;
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(body), signal: gone.signal };
    const answer = fetch(`${stack.url}${path}`, init);
    const socket = await asked.promise;
    gone.abort();
    await expect(answer).rejects.toThrow('aborted');
    const first = await Promise.race([once(socket, 'close').then(() => 'let go'), timeIsUp.then(() => 'time is up')]);
    expect(first).toBe('let go');
    await timeIsUp;
  });
});

describe('an upload', () => {
  const line = Buffer.from('{"text":"a","label":"b"}\n'.repeat(1000));

  it('to a service that breaks off is answered', async () => {
    retraining.behave = (socket) => void socket.destroy();
    for (let turn = 0; turn < 20; turn++) {
      let pieces = 0;
      const pull = (controller: ReadableStreamDefaultController) =>
        pieces++ < 400 ? controller.enqueue(line) : controller.close();
      expect((await client.ask('/v1/models/m/datasets', file(new ReadableStream({ pull })))).status).toBe(503);
    }
  });

  it('that breaks off is broken off at the service', async () => {
    const gone = new AbortController();
    const asked = Promise.withResolvers<Socket>();
    retraining.behave = asked.resolve;
    const start = (controller: ReadableStreamDefaultController) => controller.enqueue(line);
    const init = { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, signal: gone.signal };
    const answer = fetch(`${stack.url}/v1/models/m/datasets`, {
      ...init,
      body: new ReadableStream({ start }),
      duplex: 'half',
    });
    const socket = await asked.promise;
    gone.abort();
    await expect(answer).rejects.toThrow('aborted');
    await once(socket, 'close');
  });
});
