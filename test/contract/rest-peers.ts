import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** A service of the loop that speaks HTTP as its contract says; what it answers is the test's. */
export interface Peer extends AsyncDisposable {
  url: string;
}

export type PeerHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export async function startPeer(handler: PeerHandler): Promise<Peer> {
  const server = createServer((request, response) => {
    Promise.resolve(handler(request, response)).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type, ...headers }).end(JSON.stringify(body));
}
