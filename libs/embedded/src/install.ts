import { execFile } from 'node:child_process';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { newId } from '#libs/platform';
import { type Artifact, type ArtifactLock, fileName, lockDigest } from './artifact-lock.ts';
import { ensureArtifacts, type FetchOptions } from './artifacts.ts';
import { lockDirectory } from './directory-lock.ts';
import type { Java } from './java.ts';

export interface InstallOptions extends FetchOptions {
  /** Shared by all data directories and clones of the user. */
  cacheDirectory: string;
  lock: ArtifactLock;
}

/** Folder of Kafka's jars, each of which has been compared with the lock file. */
export function installKafka(options: InstallOptions): Promise<string> {
  const folder = folderOf('kafka', options.lock.kafka, options);
  return alone(folder, options, async () => {
    await ensureArtifacts(options.lock.kafka, folder, options);
    return folder;
  });
}

/** The newest Apicurio Registry that runs on this Java, unpacked from the locked archive. */
export async function installApicurio(java: Java, options: InstallOptions): Promise<string> {
  const part = java.major >= 21 ? 'apicurio-java21' : 'apicurio-java17';
  const artifacts = options.lock[part];
  const folder = folderOf(part, artifacts, options);
  const application = join(folder, 'application');
  if (await exists(application)) return application;
  return alone(folder, options, async () => {
    if (!(await exists(application))) await unpack(artifacts, folder, options);
    return application;
  });
}

/** Moved into place whole: an application folder that is there is complete. */
async function unpack(artifacts: readonly Artifact[], folder: string, options: InstallOptions): Promise<void> {
  await ensureArtifacts(artifacts, folder, options);
  options.onProgress('unpacking the schema registry');
  const fresh = join(folder, `application.${newId()}`);
  await mkdir(fresh);
  try {
    for (const artifact of artifacts) {
      await promisify(execFile)('tar', ['-xzf', join(folder, fileName(artifact)), '-C', fresh]);
    }
    await rename(fresh, join(folder, 'application'));
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error;
  }
  for (const artifact of artifacts) await rm(join(folder, fileName(artifact)));
}

/** One process at a time in a folder of the cache. */
export async function alone<T>(
  folder: string,
  { onProgress, signal }: Pick<InstallOptions, 'onProgress' | 'signal'>,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(folder, { recursive: true });
  let lock = await lockDirectory(folder);
  while ('heldBy' in lock) {
    onProgress(`waiting for process ${lock.heldBy}, which fetches the same files`);
    await delay(100, undefined, { signal });
    lock = await lockDirectory(folder);
  }
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

export function folderOf(
  part: string,
  artifacts: readonly Artifact[],
  { cacheDirectory }: Pick<InstallOptions, 'cacheDirectory'>,
): string {
  return join(cacheDirectory, 'embedded', `${part}-${lockDigest(artifacts)}`);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
