import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { choosePorts, freePort } from './ports.ts';

let directory: string;
const servers: Server[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemill-ports-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await close(server);
  await rm(directory, { recursive: true });
});

async function occupy(port: number, host = '127.0.0.1'): Promise<Server> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  servers.push(server);
  return server;
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  await once(server, 'close');
}

describe('ports', () => {
  it('that are taken make way for the next free one', async () => {
    const port = await freePort([0]);
    expect(await freePort([port])).toBe(port);
    await occupy(port);
    expect(await freePort([port])).toBeGreaterThan(port);
  });

  it('that are taken on every address count as taken', async () => {
    const port = await freePort([0]);
    await occupy(port, '0.0.0.0');
    expect(await freePort([port])).not.toBe(port);
  });

  it('of two parts never meet', async () => {
    const port = await freePort([0]);
    const { kafka, registry, controller } = await choosePorts({ kafka: port, registry: port }, directory);
    expect(new Set([kafka, registry, controller]).size).toBe(3);
  });

  it('stay what they were at the last start, although the configured one is free again', async () => {
    const port = await freePort([0]);
    const occupant = await occupy(port);
    const configured = { kafka: port, registry: 0 };
    const first = await choosePorts(configured, directory);
    expect(first.kafka).not.toBe(port);
    await close(occupant);
    expect(await choosePorts(configured, directory)).toEqual(first);
  });

  it('follow a changed configuration', async () => {
    const [before, after] = [await freePort([0]), await freePort([0])];
    await choosePorts({ kafka: before, registry: 0 }, directory);
    expect((await choosePorts({ kafka: after, registry: 0 }, directory)).kafka).toBe(after);
  });
});
