import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * The first free port of the preferred ones, then of those above the last; 0 stands for any free one.
 * A port can be taken between this answer and its use: whoever binds it must cope.
 */
export async function freePort(preferred: readonly number[]): Promise<number> {
  for (const port of preferred) {
    const free = await probe(port);
    if (free !== undefined) return free;
  }
  for (let port = (preferred.at(-1) ?? 0) + 1; port <= 65_535; port++) {
    const free = await probe(port);
    if (free !== undefined) return free;
  }
  return (await probe(0)) ?? 0;
}

async function probe(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen({ port, host: '127.0.0.1', exclusive: true });
    await once(server, 'listening');
  } catch {
    return undefined;
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : undefined;
}
