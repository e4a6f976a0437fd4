import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Upstream } from './upstream.ts';

const asked: string[] = [];
const service = createServer((request, response) => {
  asked.push(request.url ?? '');
  response.end('{}');
});
let upstream: Upstream;
beforeAll(async () => {
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const address = service.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  upstream = new Upstream({ name: 'registry', urls: `http://127.0.0.1:${port}`, deadline: 5000 });
});
afterAll(() => service.close());
beforeEach(() => void asked.splice(0));

describe('Upstream', () => {
  it.each(['/v1/bundles/%2e%2e/status', '/v1/runs/..', '/v1/models/.%2E/versions', '/v1/./x', '/v1/runs/%2e?a=b'])(
    'does not ask for another path than the one named: %s',
    async (path) => {
      await expect(upstream.call(path)).rejects.toMatchObject({ status: 400 });
      expect(asked).toEqual([]);
    },
  );

  it.each(['/v1/runs/...', '/v1/runs/a..b', '/v1/runs/..%2fx', '/v1/runs/a?from=/../b'])(
    'asks for %s as it is',
    async (path) => {
      await upstream.call(path);
      expect(asked).toEqual([path]);
    },
  );
});
