import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { newId } from '#libs/platform';
import { processIdentity } from './process-identity.ts';

export interface DirectoryLock {
  release(): Promise<void>;
}

const owner = z.object({ pid: z.number().int(), identity: z.string() });
const fileName = 'lock.json';

/**
 * Takes the directory for this process, or says which living process has it. The lock of a process that ended without
 * releasing it is taken over: a pid alone proves nothing, since it may be another process's by now.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock | { heldBy: number }> {
  const path = join(directory, fileName);
  const own = `${path}.${newId()}`;
  const identity = (await processIdentity(process.pid)) ?? '';
  const content = JSON.stringify({ pid: process.pid, identity, token: newId() });
  await writeFile(own, content);
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
      if ((await readFile(path, 'utf8').catch(() => '')) === content) await rm(path, { force: true });
    },
  };
}

/** The living process that has the directory. */
export async function directoryOwner(directory: string): Promise<number | undefined> {
  return livingOwner(await readFile(join(directory, fileName), 'utf8').catch(() => ''));
}

/** The living owner; otherwise the lock is gone afterwards. */
async function clearStale(path: string): Promise<number | undefined> {
  const found = await readFile(path, 'utf8').catch(() => undefined);
  if (found === undefined) return undefined;
  const pid = await livingOwner(found);
  if (pid !== undefined) return pid;
  // Of several starts at once each moves aside what it finds; one that moved a fresh lock puts it back.
  const aside = `${path}.${newId()}`;
  try {
    await rename(path, aside);
  } catch {
    return undefined;
  }
  const moved = await readFile(aside, 'utf8');
  if (moved !== found) await linked(aside, path);
  await rm(aside, { force: true });
  return undefined;
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
