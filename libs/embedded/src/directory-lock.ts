import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { newId, systemClock } from '#libs/platform';
import { processIdentity } from './process-identity.ts';

export interface DirectoryLock {
  release(): Promise<void>;
}

const owner = z.object({ pid: z.number().int(), identity: z.string() });
const fileName = 'lock.json';
/** Milliseconds. */
const clearingPause = 10;
const clearingAbandoned = 10_000;

/**
 * Takes the directory for this process, or says which living process has it. The lock of a process that ended without
 * releasing it is taken over: a pid alone proves nothing, since it may be another process's by now.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock | { heldBy: number }> {
  const path = join(directory, fileName);
  const own = `${path}.${newId()}`;
  const identity = (await processIdentity(process.pid)) ?? '';
  const claim = JSON.stringify({ pid: process.pid, identity, token: newId() });
  await writeFile(own, claim);
  try {
    // A link either appears whole or fails because one is there.
    while (!(await linked(own, path))) {
      const heldBy = await clearStale(path);
      if (heldBy !== undefined) return { heldBy };
    }
  } finally {
    await rm(own, { force: true });
  }
  return {
    release: async () => {
      if ((await content(path)) === claim) await rm(path, { force: true });
    },
  };
}

/** The living process that has the directory. */
export async function directoryOwner(directory: string): Promise<number | undefined> {
  return livingOwner(await content(join(directory, fileName)));
}

/** The living owner; otherwise the lock is gone afterwards, or about to be. */
async function clearStale(path: string): Promise<number | undefined> {
  const pid = await livingOwner(await content(path));
  if (pid !== undefined) return pid;
  // Of several starts at once one clears away, and looks again before it does: the lock may be a living one's by now.
  const clearing = `${path}.clearing`;
  if (!(await made(clearing))) {
    await removeAbandoned(clearing);
    await delay(clearingPause);
    return undefined;
  }
  try {
    if ((await livingOwner(await content(path))) === undefined) await rm(path, { force: true });
  } finally {
    await rm(clearing, { recursive: true, force: true });
  }
  return undefined;
}

function content(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

async function made(directory: string): Promise<boolean> {
  try {
    await mkdir(directory);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** A start that was killed while it cleared away. */
async function removeAbandoned(directory: string): Promise<void> {
  const { mtimeMs } = await stat(directory).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
  if (systemClock.now() - mtimeMs > clearingAbandoned) await rm(directory, { recursive: true, force: true });
}

async function livingOwner(content: string): Promise<number | undefined> {
  try {
    const { pid, identity } = owner.parse(JSON.parse(content));
    return (await processIdentity(pid)) === identity ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
