import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GuardedProcess, type GuardedProcessOptions } from './guarded-process.ts';
import { commandLine } from './process-identity.ts';

let directory: string;
const running: { stop(): Promise<void> }[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemill-guard-'));
});
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop();
  await rm(directory, { recursive: true });
});

/** Runs `script` in node, with a mark of this test's own. */
function options(script: string, more: Partial<GuardedProcessOptions> = {}): GuardedProcessOptions {
  const mark = `--mark=${directory}`;
  return {
    name: 'it',
    command: [process.execPath, '-e', script, '--', mark],
    mark,
    env: { PATH: process.env['PATH'] ?? '' },
    directory,
    logFile: join(directory, 'logs', 'it.log'),
    pidFile: join(directory, 'pid'),
    grace: 1,
    onDeath: () => undefined,
    ...more,
  };
}

const says = (word: string) => async () => (await readFile(join(directory, 'logs', 'it.log'), 'utf8')).includes(word);
const recordedPid = async () => Number(await readFile(join(directory, 'pid'), 'utf8'));
const alive = async (pid: number) => ((await commandLine(pid)) ?? '') !== '';
const untilGone = (pid: number) => expect.poll(() => alive(pid), { timeout: 8000, interval: 50 }).toBe(false);

async function start(script: string, more: Partial<GuardedProcessOptions> = {}): Promise<GuardedProcess> {
  const child = await GuardedProcess.start(options(script, more));
  running.push(child);
  return child.whenReady(says('up'), 10);
}

const politely = `process.on('SIGTERM', () => { console.log('bye'); process.exit(0); }); setInterval(() => {}, 1000); console.log('up')`;
const never = `process.on('SIGTERM', () => console.log('no')); setInterval(() => {}, 1000); console.log('up')`;

describe('a guarded process', () => {
  it('is asked to end, and its pid forgotten', async () => {
    const child = await start(politely);
    const pid = await recordedPid();
    await child.stop();
    expect(await alive(pid)).toBe(false);
    expect(await says('bye')()).toBe(true);
    expect(await stat(join(directory, 'pid')).catch(() => 'gone')).toBe('gone');
  });

  it('that does not listen is killed after the grace', async () => {
    const child = await start(never);
    const pid = await recordedPid();
    await child.stop();
    expect(await alive(pid)).toBe(false);
    expect(await says('no')()).toBe(true);
  });

  it('that does not come up says why with its last words, and is gone', async () => {
    const failing = GuardedProcess.start(options(`console.error('no disk left'); process.exit(3)`));
    await expect(failing.then((child) => child.whenReady(says('up'), 10))).rejects.toThrow(/it ended.*no disk left/s);
    const hanging = GuardedProcess.start(options(`console.log('wait'); setInterval(() => {}, 1000)`));
    await expect(hanging.then((child) => child.whenReady(says('up'), 1))).rejects.toThrow(/not ready within 1 s/);
    expect(await stat(join(directory, 'pid')).catch(() => 'gone')).toBe('gone');
  });

  it('that dies later is reported once, with its last words of this run', async () => {
    await (await start(politely)).stop();
    const deaths: Error[] = [];
    const script = `setTimeout(() => { console.error('disk full'); process.exit(3) }, 500); console.log('up')`;
    await start(script, { onDeath: (error) => deaths.push(error) });
    await expect.poll(() => deaths.length, { timeout: 5000 }).toBe(1);
    expect(deaths[0]).toMatchObject({ code: 'ENGINE_DIED' });
    expect(deaths[0]?.message).toContain('disk full');
    expect(deaths[0]?.message).not.toContain('bye');
  });

  it('whose guard is killed does not stay behind', async () => {
    const deaths: Error[] = [];
    await start(never, { onDeath: (error) => deaths.push(error) });
    const pid = await recordedPid();
    const { stdout } = await promisify(execFile)('ps', ['-o', 'ppid=', '-p', String(pid)]);
    process.kill(Number(stdout), 'SIGKILL');
    await untilGone(pid);
    await expect.poll(() => deaths.length).toBe(1);
  });
});

describe('an orphan of an earlier run', () => {
  const orphan = (script: string, mark = `--mark=${directory}`): ChildProcess => {
    const child = spawn(process.execPath, ['-e', script, '--', mark], { stdio: ['ignore', 'pipe', 'ignore'] });
    running.push({ stop: async () => void child.kill('SIGKILL') });
    return child;
  };

  it.each([
    ['that listens', politely],
    ['that does not listen', never],
  ])('%s is ended before the next run begins', async (_, script) => {
    const old = orphan(script);
    if (old.stdout !== null) await once(old.stdout, 'data');
    const exited = once(old, 'exit');
    await writeFile(join(directory, 'pid'), String(old.pid));
    await start(politely);
    await exited;
    expect(await recordedPid()).not.toBe(old.pid);
  });

  it('is left alone when the pid is another process’s by now', async () => {
    const stranger = orphan(politely, '--mark=stranger');
    if (stranger.stdout !== null) await once(stranger.stdout, 'data');
    await writeFile(join(directory, 'pid'), String(stranger.pid));
    await start(politely);
    expect(await alive(stranger.pid ?? 0)).toBe(true);
  });
});
