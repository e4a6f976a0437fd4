import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

const binary = join(import.meta.dirname, '..', '..', 'infra', 'bin', 'tidemill.js');

/** The built product as a user runs it: `tidemill up` in a process of its own. */
export interface Product extends AsyncDisposable {
  pid: number;
  url: string;
  /** What the terminal shows. */
  printed(): string;
  /** Resolves when the terminal shows the text; rejects with everything it shows when the process ends before. */
  tells(expected: string): Promise<void>;
  /** Sends the signal and waits for the end. Exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** Starts everything on free ports, with nothing but defaults and these arguments; resolves when the gateway answers. */
export async function startProduct(...args: string[]): Promise<Product> {
  const child = launch(['up', '--port', '0', ...args]);
  const terminal = watch(child);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await terminal.ended;
    }
    return child.signalCode ?? child.exitCode;
  };
  await terminal.tells('Dashboard: ');
  const url = /Dashboard: (http:\/\/[^/]+)\//.exec(terminal.printed())?.[1] ?? '';
  return {
    pid: child.pid ?? 0,
    url,
    printed: terminal.printed,
    tells: terminal.tells,
    end,
    async [Symbol.asyncDispose]() {
      await end('SIGTERM');
    },
  };
}

/** Runs a command of the product to its end. */
export async function tidemill(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = launch(args);
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code: child.exitCode, stdout, stderr };
}

/** Pids of a process and of all that descend from it. */
export async function familyOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-e', '-o', 'pid=,ppid=']);
  const parents = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const family = [pid];
  for (const member of family) for (const [child, parent] of parents) if (parent === member) family.push(child ?? 0);
  return family;
}

/** Which of these processes are still there. */
export function alive(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  });
}

/** Without whatever the environment of the tests configures, as the test stack's Kafka; with the machine's certificates. */
function launch(args: string[]) {
  const env = Object.entries(process.env).filter(
    ([name]) => !/^(TIDEMILL__|NODE_(?!EXTRA_CA_CERTS)|VITEST)/.test(name),
  );
  return spawn(process.execPath, [binary, ...args], {
    env: Object.fromEntries(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function watch(child: ChildProcess) {
  let shown = '';
  const waiting = new Set<() => void>();
  const ended = once(child, 'close');
  const look = () => {
    for (const check of waiting) check();
  };
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      look();
    });
  const tells = (expected: string) =>
    new Promise<void>((resolve, reject) => {
      const check = () => {
        if (!shown.includes(expected)) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      void ended.then(() => reject(new Error(`it ended before it said “${expected}”:\n${shown}`)));
      check();
    });
  return { ended, tells, printed: () => shown };
}
