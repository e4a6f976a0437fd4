import { createServer, type Server } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { Upstream } from '../edge/upstream.ts';
import { challengerStates } from './challenger-states.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function instance(challengers: object[]): Promise<string> {
  const server = createServer((request, response) => {
    response.end(JSON.stringify(request.url === '/v1/status' ? { app: 'inference', challengers } : {}));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

it('says of every instance that answers how it keeps a challenger', async () => {
  const canary = { model: 'news', version: 2, role: 'canary', hostPid: null };
  const answers = { ...canary, state: 'answering', error: null };
  const gaveUp = { ...canary, state: 'failed', error: 'it failed 3 times: the host ended' };
  const urls = [await instance([answers, { ...answers, model: 'mail' }]), await instance([gaveUp]), await instance([])];
  const away = 'http://127.0.0.1:1';
  const inference = new Upstream({ name: 'inference', urls: [...urls, away].join(','), deadline: 5000 });
  expect([...(await challengerStates(inference, 'news'))]).toEqual([
    [
      2,
      [
        { state: 'answering', error: null },
        { state: 'failed', error: 'it failed 3 times: the host ended' },
      ],
    ],
  ]);
});
