import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A Python with the packages of a requirements file beside this one, in a scratch folder outside the clone; made once.
 * @throws Error when there is no Python 3, or its registry cannot be reached.
 */
export async function pythonWith(requirements: string): Promise<string> {
  const file = join(import.meta.dirname, requirements);
  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  const folder = join(tmpdir(), `tidemill-bench-python-${digest.slice(0, 12)}`);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (
    await readFile(complete).then(
      () => true,
      () => false,
    )
  )
    return python;
  process.stderr.write(`installing ${requirements} into ${folder}\n`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run('python3', ['-m', 'venv', folder]);
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', file]);
  await writeFile(complete, '');
  return python;
}

export interface PythonPeer extends AsyncDisposable {
  pid: number;
}

/** Starts a script of this folder; resolves when it prints `ready`, or the line given. */
export async function startPython(
  python: string,
  args: readonly string[],
  options: { ready?: RegExp; env?: Record<string, string>; cwd?: string } = {},
): Promise<PythonPeer> {
  const { ready = /ready/, env = {}, cwd = import.meta.dirname } = options;
  const child = spawn(python, args, {
    cwd,
    env: {
      PATH: process.env['PATH'] ?? '',
      PYTHONPATH: import.meta.dirname,
      PYTHONUNBUFFERED: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const note = (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
      if (ready.test(said)) resolve();
    };
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    child.once('exit', () => reject(new Error(`the peer ended before it was ready:\n${said}`)));
  });
  return {
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      // Not SIGKILL: it may have workers of its own.
      child.kill('SIGTERM');
      await exited;
    },
  };
}
