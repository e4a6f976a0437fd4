import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Bundle, readBundle, sha256 } from '#libs/model';
import { TidemillError } from '#libs/platform';
import { registryError } from './errors.ts';

const digestPattern = /^[0-9a-f]{64}$/;
/** Nothing works on a temporary folder for a day. */
const abandonedAfter = 86_400_000;

/**
 * Blobs and bundles in a folder, named by their content: what is there is whole and never changes. Written beside and
 * renamed, so a crash leaves nothing half-done under a digest; several processes may share the folder.
 */
export class ArtifactStore {
  readonly directory: string;

  /** @param directory is made when something is put into it */
  constructor(directory: string) {
    this.directory = directory;
  }

  /** @returns the sha256 it is found under */
  async putBlob(content: Uint8Array | string | AsyncIterable<Uint8Array | string>): Promise<string> {
    return await this.withTemporary(async (folder) => {
      const file = join(folder, 'blob');
      const hash = createHash('sha256');
      await using handle = await open(file, 'w');
      for await (const part of typeof content === 'string' || content instanceof Uint8Array ? [content] : content) {
        hash.update(part);
        await handle.writeFile(part);
      }
      await handle.sync();
      const digest = hash.digest('hex');
      const target = this.blobPath(digest);
      await mkdir(dirname(target), { recursive: true });
      await rename(file, target);
      return digest;
    });
  }

  /** @throws TidemillError ARTIFACT_MISSING, also when the stored bytes are no longer those of the digest */
  async readBlob(digest: string): Promise<Buffer> {
    const bytes = await readFile(this.blobPath(digest)).catch((cause: unknown) => {
      throw registryError('ARTIFACT_MISSING', { detail: digest, cause });
    });
    if (sha256(bytes) !== digest)
      throw registryError('ARTIFACT_MISSING', { detail: `${digest} has been damaged on disk` });
    return bytes;
  }

  /** Where a blob lies or would lie, for readers that stream it. */
  blobPath(digest: string): string {
    return join(this.directory, 'blobs', checked(digest).slice(0, 2), digest);
  }

  /**
   * Verifies a bundle and moves its folder into the store; the folder must lie on the same file system.
   * @returns its digest
   * @throws TidemillError as readBundle
   */
  async addBundle(folder: string, expectedDigest?: string): Promise<string> {
    const { digest } = await readBundle(folder, expectedDigest);
    const target = join(this.directory, 'bundles', digest);
    await mkdir(dirname(target), { recursive: true });
    if (existsSync(target)) await rm(folder, { recursive: true, force: true });
    else
      await rename(folder, target).catch(async (error: unknown) => {
        // Another process was first, with the same bytes.
        if (!existsSync(join(target, 'manifest.json'))) throw error;
        await rm(folder, { recursive: true, force: true });
      });
    return digest;
  }

  /** Folder of a bundle, undefined when the store does not have it. */
  bundleDirectory(digest: string): string | undefined {
    if (!digestPattern.test(digest)) return undefined;
    const directory = join(this.directory, 'bundles', digest);
    return existsSync(directory) ? directory : undefined;
  }

  /**
   * The verified bundle of a digest, undefined when the store does not have it. One that proves to be damaged is removed,
   * so that it can be fetched or made again.
   * @throws TidemillError BUNDLE_UNREADABLE; the bundle stays, it may be whole
   */
  async bundle(digest: string): Promise<Bundle | undefined> {
    const directory = this.bundleDirectory(digest);
    if (directory === undefined) return undefined;
    return await readBundle(directory, digest).catch(async (error: unknown) => {
      if (!(error instanceof TidemillError) || error.code === 'BUNDLE_UNREADABLE') throw error;
      await this.withTemporary((folder) => rename(directory, join(folder, 'damaged')));
      return undefined;
    });
  }

  async bundles(): Promise<string[]> {
    const names = await readdir(join(this.directory, 'bundles')).catch(() => []);
    return names.filter((name) => digestPattern.test(name)).toSorted();
  }

  /** A folder on the store's file system that is gone afterwards, unless it was moved into the store. */
  async withTemporary<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = join(this.directory, 'temporary', randomUUID());
    await mkdir(folder, { recursive: true });
    try {
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Takes away temporary folders that a killed process has left behind. @param now epoch milliseconds */
  async sweepTemporary(now: number): Promise<void> {
    const temporary = join(this.directory, 'temporary');
    for (const name of await readdir(temporary).catch(() => [])) {
      const folder = join(temporary, name);
      const { mtimeMs } = await stat(folder).catch(() => ({ mtimeMs: now }));
      if (now - mtimeMs > abandonedAfter) await rm(folder, { recursive: true, force: true });
    }
  }
}

/** No text from outside becomes part of a path unless it is a digest. */
function checked(digest: string): string {
  if (!digestPattern.test(digest)) throw registryError('ARTIFACT_MISSING', { detail: JSON.stringify(digest) });
  return digest;
}
