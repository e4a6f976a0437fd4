import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { bundleDigest, filePattern, maximumBundleBytes } from '#libs/model';
import { reasonOf, TidemillError } from '#libs/platform';
import type { ArtifactStore } from './artifact-store.ts';
import { registryError } from './errors.ts';

/** Folder of a bundle, from the local store or fetched into it. */
export type Materialise = (digest: string, signal: AbortSignal) => Promise<string>;

const digestText = z.string().regex(/^[0-9a-f]{64}$/);

/** What `GET /v1/bundles/:digest` answers. */
const bundleListing = z.object({
  files: z
    .array(
      z.object({
        path: z.string().regex(filePattern),
        sha256: digestText,
        bytes: z.number().int().min(0),
      }),
    )
    .min(1)
    .max(1000),
});

type Listing = z.output<typeof bundleListing>['files'];

export interface MaterialiseOptions {
  store: ArtifactStore;
  /** Base URL of the registry, asked at each fetch; empty: the local store is all there is. */
  registryUrl: () => string;
}

interface Fetch {
  directory: Promise<string>;
  waiting: number;
  abort: AbortController;
}

/**
 * Finds bundles by digest. Callers that want the same one share one fetch, which ends when the last of them gives up.
 * The returned function throws TidemillError BUNDLE_UNAVAILABLE (retriable), BUNDLE_DIGEST_MISMATCH or BUNDLE_INVALID,
 * and the signal's reason when aborted.
 */
export function createMaterialise({ store, registryUrl }: MaterialiseOptions): Materialise {
  const fetches = new Map<string, Fetch>();
  const begin = (digest: string): Fetch => {
    const abort = new AbortController();
    const directory = (async () => {
      const local = await store.bundle(digest);
      return local?.directory ?? (await fetchBundle(store, { digest, url: registryUrl(), signal: abort.signal }));
    })();
    const started = { directory, waiting: 0, abort };
    fetches.set(digest, started);
    const forget = () => {
      if (fetches.get(digest) === started) fetches.delete(digest);
    };
    directory.then(forget, forget);
    return started;
  };
  return async (digest, signal) => {
    signal.throwIfAborted();
    const shared = fetches.get(digest) ?? begin(digest);
    shared.waiting++;
    const given = Promise.withResolvers<never>();
    const giveUp = () => given.reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await Promise.race([shared.directory, given.promise]);
    } finally {
      signal.removeEventListener('abort', giveUp);
      if (--shared.waiting === 0 && signal.aborted) {
        fetches.delete(digest);
        shared.abort.abort(signal.reason);
      }
    }
  };
}

interface Source {
  digest: string;
  url: string;
  signal: AbortSignal;
}

async function fetchBundle(store: ArtifactStore, source: Source): Promise<string> {
  const { digest, url } = source;
  if (!digestText.safeParse(digest).success)
    throw registryError('ARTIFACT_MISSING', { detail: `${JSON.stringify(digest)} is not a digest` });
  if (url === '') throw registryError('BUNDLE_UNAVAILABLE', { detail: `${digest} is not here; set retraining.url` });
  try {
    return await store.withTemporary(async (folder) => {
      const bundle = join(folder, 'bundle');
      for (const file of await fetchListing(source)) await fetchFile(bundle, file, source);
      await store.addBundle(bundle, digest);
      const directory = store.bundleDirectory(digest);
      if (directory === undefined) throw registryError('ARTIFACT_MISSING', { detail: digest });
      return directory;
    });
  } catch (error) {
    if (error instanceof TidemillError || source.signal.aborted) throw error;
    throw registryError('BUNDLE_UNAVAILABLE', { detail: reasonOf(error), cause: error });
  }
}

/** The listing must already add up to the digest, before a byte of the model is fetched. */
async function fetchListing({ digest, url, signal }: Source): Promise<Listing> {
  const response = await answered(`${url}/v1/bundles/${digest}`, signal);
  const parsed = bundleListing.safeParse(await response.json());
  if (!parsed.success) throw registryError('BUNDLE_UNAVAILABLE', { detail: 'the list of its files is not valid' });
  const { files } = parsed.data;
  if (bundleDigest(Object.fromEntries(files.map((file) => [file.path, file.sha256]))) !== digest)
    throw registryError('BUNDLE_UNAVAILABLE', { detail: `the registry lists other files than those of ${digest}` });
  if (files.reduce((sum, file) => sum + file.bytes, 0) > maximumBundleBytes)
    throw registryError('BUNDLE_UNAVAILABLE', { detail: `${digest} is larger than ${maximumBundleBytes} bytes` });
  return files;
}

async function fetchFile(folder: string, file: Listing[number], { digest, url, signal }: Source): Promise<void> {
  const response = await answered(`${url}/v1/bundles/${digest}/${encodeURIComponent(file.path)}`, signal);
  const target = join(folder, file.path);
  await mkdir(dirname(target), { recursive: true });
  await using handle = await open(target, 'wx');
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > file.bytes) throw damaged(file.path, `more than ${file.bytes} bytes`);
    hash.update(chunk);
    await handle.writeFile(chunk);
  }
  if (bytes < file.bytes) throw damaged(file.path, `${bytes} of ${file.bytes} bytes`);
  const digestOfFile = hash.digest('hex');
  if (digestOfFile !== file.sha256) throw damaged(file.path, `sha256 ${digestOfFile}, listed is ${file.sha256}`);
}

function damaged(path: string, how: string) {
  return registryError('BUNDLE_UNAVAILABLE', { detail: `${path} arrived with ${how}` });
}

async function answered(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal });
  if (response.ok) return response;
  await response.body?.cancel();
  if (response.status === 404)
    throw registryError('ARTIFACT_MISSING', { detail: `${url} is not known to the registry` });
  throw registryError('BUNDLE_UNAVAILABLE', { detail: `${url} answered ${response.status}` });
}
