import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { embeddedError } from './errors.ts';
import { commandLine } from './process-identity.ts';

export interface GuardedProcessOptions {
  /** For people: 'Kafka'. */
  name: string;
  /** Executable and arguments; one of the arguments is the mark. */
  command: readonly [string, ...string[]];
  /** An argument that tells this process from all others on the machine, so that an orphan can be recognised. */
  mark: string;
  /** The child's whole environment. */
  env: Record<string, string>;
  directory: string;
  /** Takes stdout and stderr. */
  logFile: string;
  /** Holds the command's pid while it runs. */
  pidFile: string;
  /** Seconds from SIGTERM to SIGKILL. */
  grace: number;
  /** Called when the process ends without having been asked to. */
  onDeath: (error: Error) => void;
}

const rotateAt = 10_000_000;

/**
 * A child process that never outlives this one, however this one ends, and that the terminal's Ctrl-C does not reach, so
 * that it can be stopped in order. See guard.sh.
 */
export class GuardedProcess {
  readonly #options: GuardedProcessOptions;
  readonly #guard: ChildProcess;
  readonly #exited: Promise<unknown>;
  /** Where this run's lines begin in the log file. */
  readonly #logStart: number;
  /** Set between being ready and being asked to stop: only then is an end nobody's wish. */
  #serving = false;

  /** Ends what an earlier run left behind, then starts the command. */
  static async start(options: GuardedProcessOptions): Promise<GuardedProcess> {
    await endOrphan(options);
    return new GuardedProcess(options);
  }

  private constructor(options: GuardedProcessOptions) {
    this.#options = options;
    const { command, env, directory, logFile, pidFile, grace } = options;
    mkdirSync(dirname(logFile), { recursive: true });
    this.#logStart = rotate(logFile);
    const log = openSync(logFile, 'a');
    try {
      this.#guard = spawn('/bin/sh', [join(import.meta.dirname, 'guard.sh'), pidFile, String(grace), ...command], {
        cwd: directory,
        env,
        detached: true,
        stdio: ['pipe', log, log],
      });
    } finally {
      closeSync(log);
    }
    // The pipe breaks when the guard is killed; its exit tells.
    this.#guard.stdin?.on('error', () => undefined);
    this.#exited = new Promise((resolve) => {
      this.#guard.once('error', resolve);
      this.#guard.once('exit', resolve);
    });
    void this.#exited.then(() => this.#ended());
  }

  get running(): boolean {
    return this.#guard.exitCode === null && this.#guard.signalCode === null && this.#guard.pid !== undefined;
  }

  /**
   * This process, once `ready` says true.
   * @throws TidemillError ENGINE_START_FAILED when it ends before, or after `seconds`; it is gone then.
   */
  async whenReady(ready: (signal: AbortSignal) => Promise<boolean>, seconds: number): Promise<this> {
    try {
      await this.#waitFor(ready, seconds);
      this.#serving = true;
      return this;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #waitFor(ready: (signal: AbortSignal) => Promise<boolean>, seconds: number): Promise<void> {
    const signal = AbortSignal.timeout(seconds * 1000);
    while (!(await ready(signal).catch(() => false))) {
      if (!this.running) throw await this.#failure('ENGINE_START_FAILED', 'it ended');
      if (signal.aborted) throw await this.#failure('ENGINE_START_FAILED', `not ready within ${seconds} s`);
      await Promise.race([delay(50), this.#exited]);
    }
  }

  /** SIGTERM, then SIGKILL after the grace; resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#serving = false;
    this.#guard.stdin?.end();
    const late = delay((this.#options.grace + 5) * 1000, undefined, { ref: false });
    await Promise.race([this.#exited, late]);
    this.#killGroup();
    await this.#exited;
  }

  /** A guard that was killed cannot end its command any more. */
  #ended(): void {
    this.#killGroup();
    if (!this.#serving) return;
    void this.#failure('ENGINE_DIED', 'it ended').then((error) => this.#options.onDeath(error));
  }

  #killGroup(): void {
    const { pid } = this.#guard;
    if (pid !== undefined) signal(-pid, 'SIGKILL');
  }

  async #failure(code: 'ENGINE_START_FAILED' | 'ENGINE_DIED', what: string): Promise<Error> {
    const { name, logFile } = this.#options;
    const lines = await lastLines(logFile, this.#logStart);
    return embeddedError(code, { detail: `${name}: ${what}; ${logFile} ends with\n${lines}` });
  }
}

/** Ends the process that the pid file names, if it really is one of ours. */
async function endOrphan({ pidFile, mark, grace }: GuardedProcessOptions): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 1) return;
  const ours = async () => `${await commandLine(pid)} `.includes(` ${mark} `);
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    for (let left = grace * 10; left > 0; left--) {
      if (!(await ours())) return;
      if (left === grace * 10) signal(pid, name);
      await delay(100);
    }
  }
}

/** To a process, or with a negative number to a process group; one that is gone is fine. */
function signal(target: number, name: NodeJS.Signals): void {
  try {
    process.kill(target, name);
  } catch {
    // Gone, or somebody else's by now.
  }
}

/** Sets a log aside when it has grown large. Returns the length of the file that goes on. */
function rotate(logFile: string): number {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size < rotateAt) return size;
  renameSync(logFile, `${logFile}.1`);
  return 0;
}

async function lastLines(path: string, from: number): Promise<string> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  return bytes.subarray(from).toString('utf8').trimEnd().split('\n').slice(-15).join('\n');
}
