import { type ChildProcess, fork } from 'node:child_process';
import { Socket } from 'node:net';
import { siblingModule } from '#libs/platform';
import type { HostModule, HostProcess } from './host-process.ts';

export type LauncherRequest = { kind: 'start'; id: number; module: HostModule } | { kind: 'kill'; id: number };

export type LauncherReply =
  /** The line to the host comes along as a handle. */
  | { kind: 'started'; id: number; pid: number }
  | { kind: 'failed'; id: number; reason: string }
  | { kind: 'ended'; id: number; how: string };

interface Launched {
  started: PromiseWithResolvers<HostProcess>;
  ended: PromiseWithResolvers<string>;
  pid: number | undefined;
}

/**
 * Starts model hosts from a small process of its own.
 *
 * Starting a process copies the page tables of the one that starts it, which stands still meanwhile: 18 ms in a consumer of
 * 360 MB (docs/benchmarks.md), at every swap. Texts and answers do not pass through the launcher: each host has a line of its
 * own to this process. Should the launcher end, its hosts are ended, and the next start begins another.
 */
export class HostLauncher implements Disposable {
  readonly #launched = new Map<number, Launched>();
  #process: ChildProcess | undefined;
  #nextId = 0;

  /** While this process is small: the first start would be as expensive as all that are saved. */
  constructor() {
    this.#running();
  }

  /** @throws Error when no process can be started */
  readonly start = (module: HostModule): Promise<HostProcess> => {
    const id = this.#nextId++;
    const started = Promise.withResolvers<HostProcess>();
    this.#launched.set(id, { started, ended: Promise.withResolvers(), pid: undefined });
    // When it cannot be told, it has ended, and so have its hosts.
    this.#running().send({ kind: 'start', id, module } satisfies LauncherRequest, () => undefined);
    return started.promise;
  };

  [Symbol.dispose](): void {
    this.#process?.kill('SIGKILL');
  }

  #running(): ChildProcess {
    if (this.#process !== undefined) return this.#process;
    const { path, execArgv } = siblingModule(import.meta, 'launcher');
    // Its input says nothing; that it is closed tells the launcher of this process's end, however that came.
    const child = fork(path, [], { execArgv, stdio: ['pipe', 'ignore', 'inherit', 'ipc'] });
    child.on('message', (reply: LauncherReply, line) => this.#take(reply, line));
    const end = (reason: string) => {
      if (this.#process !== child) return;
      this.#process = undefined;
      this.#endAll(reason);
    };
    child.once('error', (error) => end(error.message));
    child.once('exit', () => end('the launcher of model hosts ended'));
    return (this.#process = child);
  }

  #take(reply: LauncherReply, line: unknown): void {
    const { id } = reply;
    const launched = this.#launched.get(id);
    if (launched === undefined) return;
    if (reply.kind === 'started' && line instanceof Socket) {
      const { pid } = reply;
      launched.pid = pid;
      const kill = () => void this.#process?.send({ kind: 'kill', id } satisfies LauncherRequest, () => undefined);
      return launched.started.resolve({ pid, socket: line, ended: launched.ended.promise, kill });
    }
    this.#launched.delete(id);
    if (reply.kind === 'ended') return launched.ended.resolve(reply.how);
    launched.started.reject(new Error(reply.kind === 'failed' ? reply.reason : 'there is no line to the process'));
  }

  /** Nobody would be told of their end. */
  #endAll(reason: string): void {
    for (const { started, ended, pid } of this.#launched.values()) {
      started.reject(new Error(reason));
      if (pid !== undefined) killIfThere(pid);
      ended.resolve(reason);
    }
    this.#launched.clear();
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended.
  }
}
