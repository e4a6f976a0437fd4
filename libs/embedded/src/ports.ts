import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';

const chosenPorts = z.object({
  /** What was configured then: an earlier choice holds as long as that has not changed. */
  configured: z.object({ kafka: z.number(), registry: z.number() }),
  kafka: z.number(),
  registry: z.number(),
  controller: z.number(),
});
export type ChosenPorts = z.infer<typeof chosenPorts>;

/**
 * Of each part: the port of the last start in this directory, else the configured one, else the next free one. Clients
 * that were told an address yesterday find the same one today.
 */
export async function choosePorts(configured: ChosenPorts['configured'], directory: string): Promise<ChosenPorts> {
  const path = join(directory, 'ports.json');
  const earlier = await readPorts(path);
  const preferred = (part: 'kafka' | 'registry') => [
    ...(earlier?.configured[part] === configured[part] ? [earlier[part]] : []),
    configured[part],
  ];
  const kafka = await freePort(preferred('kafka'));
  const registry = await freePort(preferred('registry'), [kafka]);
  const controller = await freePort([...(earlier === undefined ? [] : [earlier.controller]), 0], [kafka, registry]);
  const chosen = { configured, kafka, registry, controller };
  await writeFile(path, `${JSON.stringify(chosen)}\n`);
  return chosen;
}

async function readPorts(path: string): Promise<ChosenPorts | undefined> {
  try {
    return chosenPorts.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * The first free port on 127.0.0.1 of the preferred ones, then of those above the last; 0 stands for any free one.
 * A port can be taken between this answer and its use: whoever binds it must cope.
 */
export async function freePort(preferred: readonly number[], except: readonly number[] = []): Promise<number> {
  for (const port of candidates(preferred)) {
    const free = except.includes(port) ? undefined : await probe(port);
    if (free !== undefined && !except.includes(free)) return free;
  }
  throw new Error(`no free port from ${preferred.join(', ')} on`);
}

function* candidates(preferred: readonly number[]): Generator<number> {
  yield* preferred;
  for (let port = (preferred.at(-1) ?? 0) + 1; port <= 65_535; port++) yield port;
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
