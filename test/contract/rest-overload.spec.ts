import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGateway } from '../../apps/gateway/src/gateway.app.ts';
import type { RunningApp } from '#libs/http';
import { createMetrics, loadConfig, Readiness, silentLogger, systemClock } from '#libs/platform';
import { connectStream, type Stream } from '#libs/stream';
import { type RestStack, startRestStack } from './rest-stack.ts';

/** Takes connections and never says a word, as a broker does whose machine has stopped. */
const silent = createServer();
const sockets = new Set<Socket>();
silent.on('connection', (socket) => {
  sockets.add(socket);
  socket.on('data', () => undefined).on('error', () => undefined);
});

let stack: RestStack;
let stream: Stream;
let gateway: RunningApp;
beforeAll(async () => {
  stack = await startRestStack();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const services = { logger: silentLogger, metrics: createMetrics(), clock: systemClock, readiness: new Readiness() };
  stream = await connectStream({
    brokers: [`127.0.0.1:${port}`],
    registryUrl: stack.config.schemaRegistry.url,
    topicPrefix: stack.config.kafka.topicPrefix,
    sendTimeout: 1000,
    ...services,
  });
  const { config } = loadConfig({
    env: {},
    overrides: {
      dataDirectory: stack.config.dataDirectory,
      'http.port': 0,
      'http.maximumRequests': 64,
      'http.maximumInFlightMegabytes': 16,
      'http.acknowledgeTimeout': '1s',
    },
  });
  gateway = await createGateway({ config, ...services, stream, clickhouse: stack.clickhouse });
});
afterAll(async () => {
  await gateway.close();
  for (const socket of sockets) socket.destroy();
  silent.close();
  await stream.close();
  await stack[Symbol.asyncDispose]();
});

describe('overload', () => {
  it('refuses with Retry-After, holds its memory, and still says how it is', async () => {
    const body = JSON.stringify({ model: 'm', text: 'x'.repeat(512 * 1024) });
    const headers = { 'content-type': 'application/json' };
    const statuses = new Map<string, number>();
    let left = 1000;
    const sender = async () => {
      while (left-- > 0) {
        const response = await fetch(`${gateway.url}/v1/texts`, { method: 'POST', headers, body });
        const answer = `${response.status} ${response.headers.has('retry-after') ? 'retry-after' : ''}`.trim();
        statuses.set(answer, (statuses.get(answer) ?? 0) + 1);
        await response.arrayBuffer();
      }
    };
    const before = process.memoryUsage().rss;
    const sending = Promise.all(Array.from({ length: 150 }, sender));
    const probe = await fetch(`${gateway.url}/healthz`);
    expect(probe.status).toBe(200);
    await sending;
    const grown = (process.memoryUsage().rss - before) / 1024 ** 2;
    // 500 MiB were offered.
    expect(Object.fromEntries(statuses)).toEqual({ '503 retry-after': 1000 });
    expect(grown).toBeLessThan(400);
  }, 120_000);

  it('says in /readyz which part does not answer', async () => {
    const answer = await fetch(`${gateway.url}/readyz`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ reasons: expect.arrayContaining([expect.stringMatching(/^kafka: /)]) });
  });
});
