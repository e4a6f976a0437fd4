import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchFile } from './fetch-file.ts';

const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));

let directory: string;
let server: Server | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemill-fetch-'));
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  await rm(directory, { recursive: true });
});

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<URL> {
  server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return new URL(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/file.jar`);
}

/** What a server that knows ranges answers. */
function answer(request: IncomingMessage, response: ServerResponse, bytes = content): void {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start });
  response.end(bytes.subarray(start));
}

function fetchTo(url: URL, positions: number[] = [], signal?: AbortSignal) {
  const target = join(directory, 'file.jar');
  const matches = async (path: string) => content.equals(await readFile(path));
  const onPosition = (position: number) => positions.push(position);
  return fetchFile({ url, headers: {}, target, size: content.length, matches, onPosition, pause: 1, signal });
}

const present = async () => (await readdir(directory)).sort();

describe('a file is fetched', () => {
  it('whole, under its name only when it is right', async () => {
    const positions: number[] = [];
    expect(await fetchTo(await serve((request, response) => answer(request, response)), positions)).toBe('fetched');
    expect(await present()).toEqual(['file.jar']);
    expect(positions.at(-1)).toBe(content.length);
  });

  /** Resolves when the file that is being fetched has some bytes. */
  async function someArrived(): Promise<void> {
    const size = () =>
      stat(join(directory, 'file.jar.part')).then(
        ({ size }) => size,
        () => 0,
      );
    while ((await size()) === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  it('from where a cut download ended', async () => {
    const ranges: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      ranges.push(request.headers.range);
      if (ranges.length > 1) return answer(request, response);
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 200_000));
      // What is cut before it was read is lost on the way.
      void someArrived().then(() => request.socket.destroy());
    });
    expect(await fetchTo(url)).toBe('fetched');
    expect(ranges).toHaveLength(2);
    expect(ranges[1]).toMatch(/^bytes=\d+-$/);
    expect(await readFile(join(directory, 'file.jar'))).toEqual(content);
  });

  it('from where an earlier process ended', async () => {
    await writeFile(join(directory, 'file.jar.part'), content.subarray(0, 100_000));
    const ranges: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      ranges.push(request.headers.range);
      answer(request, response);
    });
    expect(await fetchTo(url)).toBe('fetched');
    expect(ranges).toEqual(['bytes=100000-']);
  });

  it('anew when the server knows no ranges', async () => {
    await writeFile(join(directory, 'file.jar.part'), 'something else');
    const url = await serve((_, response) => void response.end(content));
    expect(await fetchTo(url)).toBe('fetched');
  });

  it('anew when what an earlier process left is wrong', async () => {
    await writeFile(join(directory, 'file.jar.part'), 'something else');
    expect(await fetchTo(await serve((request, response) => answer(request, response)))).toBe('fetched');
  });

  it('from a folder', async () => {
    await writeFile(join(directory, 'original'), content);
    expect(await fetchTo(pathToFileURL(join(directory, 'original')))).toBe('fetched');
  });
});

describe('a file is refused', () => {
  it('when its bytes are others, and nothing of it stays', async () => {
    const altered = Buffer.from(content);
    altered[7] = 255;
    const url = await serve((request, response) => answer(request, response, altered));
    expect(await fetchTo(url)).toMatchObject({ code: 'ARTIFACT_ALTERED' });
    expect(await present()).toEqual([]);
  });

  it('at once when the repository does not have it', async () => {
    let requests = 0;
    const url = await serve((_, response) => {
      requests++;
      response.writeHead(404).end();
    });
    expect(await fetchTo(url)).toMatchObject({ code: 'ARTIFACT_UNREACHABLE', reason: 'the server answered 404' });
    expect(requests).toBe(1);
  });

  it('no longer waited for when its service closes', async () => {
    const closing = new AbortController();
    let requests = 0;
    const url = await serve(() => {
      requests++;
      closing.abort(new Error('closing'));
    });
    await expect(fetchTo(url, [], closing.signal)).rejects.toThrow('closing');
    expect(requests).toBe(1);
  });

  it('after some attempts when nobody answers', async () => {
    const url = await serve((request) => request.socket.destroy());
    expect(await fetchTo(url)).toMatchObject({ code: 'ARTIFACT_UNREACHABLE' });
  });
});
