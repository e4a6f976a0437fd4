import { createServer, get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventClients } from './event-clients.ts';
import { EventHub } from './event-hub.ts';

const hub = new EventHub();
const clients = new EventClients(hub, 2);
const server = createServer((_request, response) => clients.stream(response, undefined, () => true));
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterAll(() => server.close());

function connect(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => get({ port, host: '127.0.0.1' }, resolve).on('error', reject));
}

describe('EventClients', () => {
  it('drops a client that does not read, and forgets it', async () => {
    const slow = await connect();
    slow.pause();
    slow.on('error', () => undefined);
    const closed = new Promise((resolve) => slow.once('close', resolve));
    const large = 'x'.repeat(100_000);
    let published = 0;
    while (hub.wanted('swaps') && published < 1000) {
      hub.publish('swaps', large);
      published++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    // 100 MB would have been held for it.
    expect(published).toBeLessThan(500);
    expect(hub.wanted('swaps')).toBe(false);
    slow.resume();
    await closed;
  });

  it('ends every stream when the gateway stops, and takes no new one', async () => {
    const reading = text(await connect());
    hub.publish('swaps', { n: 1 });
    clients.drain();
    expect(await reading).toContain('event: swaps\ndata: {"n":1}\n');
    expect(() => clients.checkRoom()).toThrow('stopping');
  });
});
