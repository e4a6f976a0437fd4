import { createServer, type ServerResponse } from 'node:http';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bundle, bundleDigest, sha256 } from '#libs/model';
import { ArtifactStore } from './artifact-store.ts';
import { createMaterialise, type Materialise } from './materialise.ts';
import { type TestFolder, testFolder, writeTestBundle } from './testing/bundle-folder.ts';

interface Listed {
  path: string;
  sha256: string;
  bytes: number;
}

let folder: TestFolder;
let store: ArtifactStore;
let bundle: Bundle;
let url: string;
let materialise: Materialise;
let close: () => Promise<void>;
/** What the registry does with a request instead of answering properly. */
let instead: ((path: string, response: ServerResponse) => boolean) | undefined;
let listing: Listed[];
const asked: string[] = [];
const signal = new AbortController().signal;

beforeEach(async () => {
  folder = await testFolder();
  store = new ArtifactStore(join(folder.path, 'artifacts'));
  bundle = await writeTestBundle(join(folder.path, 'registry'));
  listing = await Promise.all(
    Object.entries(bundle.files).map(async ([path, digest]) => ({
      path,
      sha256: digest,
      bytes: (await stat(join(bundle.directory, path))).size,
    })),
  );
  instead = undefined;
  asked.length = 0;
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '').split('/').slice(4).join('/'));
    asked.push(path);
    if (instead?.(path, response) === true) return;
    if (path === '') response.end(JSON.stringify({ files: listing }));
    else void readFile(join(bundle.directory, path)).then((bytes) => response.end(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  materialise = createMaterialise({ store, registryUrl: () => url });
});
afterEach(async () => {
  await close();
  await folder[Symbol.asyncDispose]();
});

it('fetches a bundle once and has it from then on', async () => {
  const directory = await materialise(bundle.digest, signal);
  expect(directory).toBe(store.bundleDirectory(bundle.digest));
  expect(String(await readFile(join(directory, 'data/reference.json')))).toBe('{}');
  const before = asked.length;
  expect(await materialise(bundle.digest, signal)).toBe(directory);
  expect(asked.length).toBe(before);
});

it('shares one fetch among those who ask at once', async () => {
  const directories = await Promise.all(Array.from({ length: 8 }, () => materialise(bundle.digest, signal)));
  expect(new Set(directories).size).toBe(1);
  expect(asked.filter((path) => path === 'model.onnx')).toHaveLength(1);
});

it('fetches again what was damaged on disk', async () => {
  const directory = await materialise(bundle.digest, signal);
  await writeFile(join(directory, 'model.onnx'), 'b graph');
  await materialise(bundle.digest, signal);
  expect(String(await readFile(join(directory, 'model.onnx')))).toBe('a graph');
});

describe('never takes', () => {
  const attempt = () => materialise(bundle.digest, signal);
  const refuses = async (reason: RegExp) => {
    await expect(attempt()).rejects.toThrow(reason);
    expect(await store.bundles()).toEqual([]);
    // It is not remembered: the next one may go well.
    instead = undefined;
    await expect(attempt()).resolves.toBeDefined();
  };
  const answerModel = (body: string) => (path: string, response: ServerResponse) => {
    if (path !== 'model.onnx') return false;
    response.end(body);
    return true;
  };
  const answerListing = (files: Listed[]) => (path: string, response: ServerResponse) => {
    if (path !== '') return false;
    response.end(JSON.stringify({ files }));
    return true;
  };

  it('other bytes', async () => {
    instead = answerModel('b graph');
    await refuses(/model.onnx arrived with sha256/);
  });

  it('too few bytes', async () => {
    instead = answerModel('a gra');
    await refuses(/model.onnx arrived with 5 of 7 bytes/);
  });

  it('a connection that breaks off', async () => {
    instead = (path, response) => {
      if (path !== 'model.onnx') return false;
      response.writeHead(200, { 'content-length': '7' });
      response.write('a g');
      setImmediate(() => response.destroy());
      return true;
    };
    await refuses(/cannot be fetched/);
  });

  it('too many bytes', async () => {
    instead = answerModel('a graph and more');
    await refuses(/more than 7 bytes/);
  });

  it('the files of another bundle', async () => {
    instead = answerListing(listing.map((file) => ({ ...file, sha256: sha256('other') })));
    await refuses(/lists other files/);
    expect(asked.slice(0, 1)).toEqual(['']);
  });

  it.each(['../escaped', '/etc/passwd', 'a/../../b', '.hidden', 'a\\b', 'a/b/c'])('a file named %j', async (path) => {
    // Even under a digest that names exactly this listing.
    const files = [{ path, sha256: sha256('x'), bytes: 1 }];
    instead = answerListing(files);
    const digest = bundleDigest({ [path]: sha256('x') });
    await expect(materialise(digest, signal)).rejects.toMatchObject({ code: 'BUNDLE_UNAVAILABLE', retriable: true });
    expect(asked).toEqual(['']);
  });

  it('more than a bundle may hold', async () => {
    instead = answerListing(listing.map((file) => ({ ...file, bytes: 2 ** 31 })));
    await refuses(/larger than/);
  });

  it('anything under a name that is no digest', async () => {
    await expect(materialise('../../x', signal)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
    expect(asked).toEqual([]);
  });
});

describe('without the registry', () => {
  it('says that it cannot be reached, and can be asked again', async () => {
    const good = url;
    url = 'http://127.0.0.1:1';
    await expect(materialise(bundle.digest, signal)).rejects.toMatchObject({
      code: 'BUNDLE_UNAVAILABLE',
      retriable: true,
    });
    url = '';
    await expect(materialise(bundle.digest, signal)).rejects.toThrow(/set retraining.url/);
    url = good;
    await expect(materialise(bundle.digest, signal)).resolves.toBeDefined();
  });

  it('says that the registry does not know it, or fails', async () => {
    let status = 404;
    instead = (_, response) => {
      response.writeHead(status).end();
      return true;
    };
    await expect(materialise(bundle.digest, signal)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
    status = 500;
    await expect(materialise(bundle.digest, signal)).rejects.toMatchObject({ code: 'BUNDLE_UNAVAILABLE' });
  });
});

describe('giving up', () => {
  /** The model's bytes never come; resolves when they are asked for. */
  const stalled = () => {
    const reached = Promise.withResolvers<ServerResponse>();
    instead = (path, response) => {
      if (path !== 'model.onnx') return false;
      reached.resolve(response);
      return true;
    };
    return reached.promise;
  };

  it('ends the fetch when the last who waits gives up', async () => {
    const reached = stalled();
    const abort = new AbortController();
    const fetching = materialise(bundle.digest, abort.signal);
    const response = await reached;
    const ended = new Promise<void>((resolve) => response.once('close', resolve));
    abort.abort(new Error('superseded'));
    await expect(fetching).rejects.toThrow('superseded');
    await ended;
    instead = undefined;
    await expect(materialise(bundle.digest, signal)).resolves.toBeDefined();
  });

  it('leaves it to the others', async () => {
    const reached = stalled();
    const abort = new AbortController();
    const first = materialise(bundle.digest, abort.signal);
    const second = materialise(bundle.digest, signal);
    const response = await reached;
    abort.abort(new Error('superseded'));
    await expect(first).rejects.toThrow('superseded');
    response.end('a graph');
    await expect(second).resolves.toBeDefined();
  });

  it('asks nothing when it has been given up before', async () => {
    await expect(materialise(bundle.digest, AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
    expect(asked).toEqual([]);
  });
});
