import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from './rest-client.ts';
import { type RestStack, startRestStack } from './rest-stack.ts';

let stack: RestStack;
let client: RestClient;
const authorization = 'Bearer sesame';
beforeAll(async () => {
  stack = await startRestStack({ 'http.token': 'sesame', 'http.maximumEventClients': 1 });
  client = await RestClient.connect(stack.url, { authorization });
});
afterAll(() => stack[Symbol.asyncDispose]());

/** fetch does not let a caller say the Host. */
function asHost(path: string, headers: Record<string, string>, method = 'GET') {
  return new Promise<{ status: number; type: string; body: string }>((resolve, reject) => {
    const { hostname, port } = new URL(stack.url);
    // As a string of its own the path is sent as it is, not tidied.
    const asking = request({ hostname, port, path, method, headers }, (response) => {
      text(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body }),
        reject,
      );
    });
    asking.on('error', reject);
    asking.end();
  });
}

describe('token', () => {
  it.each([
    '/v1/status',
    '/v1/models/m/swaps',
    '/v2/models/m',
    '/metrics',
    '/docs',
    '/openapi.json',
    '/openapi.yaml',
    '/v1/events',
  ])('GET %s needs it', async (path) => {
    expect(await client.get(path)).toMatchObject({ status: 401 });
    expect(await client.get(path, { authorization: 'Bearer wrong' })).toMatchObject({ status: 401 });
  });

  it('lets in who has it', async () => {
    expect((await client.get('/v1/status', { authorization })).status).toBe(200);
    expect((await client.post('/v1/texts', { model: 'm', text: 'a' }, { authorization })).status).toBe(202);
    expect((await client.post('/v1/texts', { model: 'm', text: 'a' })).status).toBe(401);
    expect((await client.post('/v1/sql', { sql: 'SELECT 1' }, { authorization })).status).toBe(200);
  });

  it.each(['/healthz', '/readyz', '/v2/health/live', '/'])('GET %s does not need it', async (path) => {
    expect((await client.get(path)).status).toBe(200);
  });
});

describe('browsers', () => {
  it.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:80'])(
    'Host %j is refused',
    async (host) => {
      for (const path of ['/v1/status', '/metrics', '/']) {
        const answer = await asHost(path, { host, authorization });
        expect(answer).toMatchObject({ status: 403, type: expect.stringContaining('application/problem+json') });
      }
    },
  );

  it.each(['localhost:1', '127.0.0.1', '[::1]:8080'])('Host %s is this machine', async (host) => {
    expect((await asHost('/healthz', { host })).status).toBe(200);
  });

  it("a stranger's page cannot change anything", async () => {
    const headers = { authorization, origin: 'https://evil.example', host: new URL(stack.url).host };
    expect((await asHost('/v1/models/m/rollback', headers, 'POST')).status).toBe(403);
    expect((await asHost('/v1/models/m/rollback', { ...headers, origin: 'null' }, 'POST')).status).toBe(403);
    expect((await asHost('/v1/models/m/rollback', { ...headers, origin: stack.url }, 'POST')).status).toBe(503);
  });
});

describe('hostile requests', () => {
  it.each([
    '/../../../../etc/passwd',
    '/assets/../../../package.json',
    '/assets/%2e%2e/%2e%2e/%2e%2e/package.json',
    '/assets/..%2f..%2f..%2fpackage.json',
    '/assets/..%5c..%5c..%5cpackage.json',
    '/assets//etc/passwd',
    '/assets/%00',
    '/%',
    '//v1/status',
    '/./v1/status',
    '/v1/../v1/status',
    '/x/../v1/status',
    '/v1%2Fstatus',
    '/%76%31/status',
    '/V1/status',
    '/v1/status/',
    '/v1/status;a=b',
    '/v1/status?x=/healthz',
    '/healthz/../v1/status',
    '/docs/../v1/status',
    '/openapi.yaml?x',
    'http://127.0.0.1/v1/status',
  ])('GET %s gets nothing without the token', async (path) => {
    const { status, body } = await asHost(path, {});
    expect([400, 401, 403, 404]).toContain(status);
    expect(body).not.toMatch(/root:|"dependencies"|"apps"/);
  });

  it('headers beyond what fits are refused, and the next request is answered', async () => {
    const { status } = await asHost('/healthz', { 'x-long': 'x'.repeat(100_000) });
    expect(status).toBe(431);
    expect((await client.get('/healthz')).status).toBe(200);
  });

  it('a body without a length is read no further than its limit', async () => {
    const mebibyte = new Uint8Array(1_048_576).fill(32);
    let sent = 0;
    const body = new ReadableStream({ pull: (to) => (sent++ < 512 ? to.enqueue(mebibyte) : to.close()) });
    const headers = { authorization, 'content-type': 'application/json' };
    const answer = await fetch(`${stack.url}/v1/texts`, { method: 'POST', headers, body, duplex: 'half' }).catch(
      (error: unknown) => error,
    );
    // A client that is still writing may see the connection end before it reads the answer.
    if (answer instanceof Response) expect(answer.status).toBe(413);
    expect(sent).toBeLessThan(64);
  });
});

describe('places', () => {
  it('a second event stream waits for the first to end', async () => {
    const stop = new AbortController();
    await fetch(`${stack.url}/v1/events`, { headers: { authorization }, signal: stop.signal });
    const refused = await client.get('/v1/events', { authorization });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    stop.abort();
  });

  it('a taken port is passed over', async () => {
    const taken = Number(new URL(stack.url).port);
    await using other = await startRestStack({ 'http.port': taken }, stack);
    expect(Number(new URL(other.url).port)).toBeGreaterThan(taken);
    expect((await fetch(`${other.url}/healthz`)).status).toBe(200);
  });

  it('beyond loopback a token is a must', async () => {
    await expect(startRestStack({ 'http.host': '0.0.0.0', 'http.token': '' }, stack)).rejects.toMatchObject({
      code: 'GATEWAY_TOKEN_REQUIRED',
    });
  });
});
