import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DirectoryLock, directoryOwner, lockDirectory } from './directory-lock.ts';
import { processIdentity } from './process-identity.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemill-lock-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function take(): Promise<DirectoryLock> {
  const lock = await lockDirectory(directory);
  if ('heldBy' in lock) throw new Error(`held by ${lock.heldBy}`);
  return lock;
}

const leave = (pid: number, identity: string) =>
  writeFile(join(directory, 'lock.json'), JSON.stringify({ pid, identity }));

describe('a directory', () => {
  it('has one owner until it lets go', async () => {
    const lock = await take();
    expect(await lockDirectory(directory)).toEqual({ heldBy: process.pid });
    expect(await directoryOwner(directory)).toBe(process.pid);
    await lock.release();
    expect(await directoryOwner(directory)).toBeUndefined();
    await (await take()).release();
    expect(await readdir(directory)).toEqual([]);
  });

  it('goes to one of many who come at once', async () => {
    for (let round = 0; round < 20; round++) {
      await leave(2 ** 22 + 1, 'a process that is gone');
      const locks = await Promise.all(Array.from({ length: 20 }, () => lockDirectory(directory)));
      const taken = locks.filter((lock) => 'release' in lock);
      expect(taken).toHaveLength(1);
      for (const lock of taken) await lock.release();
    }
  });

  it('is free when its owner has ended', async () => {
    const child = spawn('sleep', ['60']);
    const pid = child.pid ?? 0;
    await leave(pid, (await processIdentity(pid)) ?? '');
    expect(await lockDirectory(directory)).toEqual({ heldBy: pid });
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    expect(await lockDirectory(directory)).toHaveProperty('release');
  });

  it('is free when its owner’s pid belongs to another process by now', async () => {
    await leave(process.pid, 'an earlier process of the same pid');
    expect(await lockDirectory(directory)).toHaveProperty('release');
  });

  it('is free when the lock is rubbish', async () => {
    await writeFile(join(directory, 'lock.json'), '{');
    expect(await lockDirectory(directory)).toHaveProperty('release');
  });

  it('is not let go by one who has lost it', async () => {
    const lock = await take();
    const other = JSON.stringify({ pid: process.pid, identity: await processIdentity(process.pid) });
    await writeFile(join(directory, 'lock.json'), other);
    await lock.release();
    expect(await directoryOwner(directory)).toBe(process.pid);
  });
});
