import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const script = join(import.meta.dirname, '../../libs/embedded/scripts/start.ts');

/** A process of its own that has started an embedded stack, to be killed. */
export interface StackProcess {
  process: ChildProcess;
  pid: number;
  brokers: readonly string[];
  registryUrl: string;
  /** Pids of the Java processes of Kafka and the registry. */
  engines: { kafka: number; registry: number };
}

/** Resolves when the stack answers; rejects with what was printed when it does not come up. */
export async function startStackProcess(directory: string): Promise<StackProcess> {
  const { process: child, printed, exited } = launch(directory);
  const ready = new Promise<boolean>((resolve) => {
    if (child.stdout === null) return;
    createInterface(child.stdout).on('line', (line) => {
      if (line.includes('TIDEMILL_TEST_KAFKA_LIBRARIES')) resolve(true);
    });
  });
  if (!(await Promise.race([ready, exited.then(() => false)]))) throw new Error(printed());
  const value = (name: string) => new RegExp(`^export ${name}=(.*)$`, 'm').exec(printed())?.[1] ?? '';
  return {
    process: child,
    pid: child.pid ?? 0,
    brokers: value('TIDEMILL__KAFKA__BROKERS').split(','),
    registryUrl: value('TIDEMILL__SCHEMAREGISTRY__URL'),
    engines: { kafka: await recordedPid(directory, 'kafka'), registry: await recordedPid(directory, 'registry') },
  };
}

/** Starts one that is expected to end by itself. */
export async function runStackProcess(directory: string): Promise<{ code: number | null; printed: string }> {
  const { process: child, printed, exited } = launch(directory);
  await exited;
  return { code: child.exitCode, printed: printed() };
}

function launch(directory: string) {
  // A process group of its own, as a terminal gives it to a command.
  const child = spawn(process.execPath, ['--conditions=tidemill-source', script, directory], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (text += data.toString()));
  return { process: child, printed: () => text, exited: once(child, 'close') };
}

/** Sends the signal and waits for the end. Exit code, or the signal that ended it. */
export async function endStackProcess(stack: StackProcess, signal: NodeJS.Signals): Promise<number | string | null> {
  const exited = once(stack.process, 'exit');
  process.kill(stack.pid, signal);
  await exited;
  return stack.process.exitCode ?? stack.process.signalCode;
}

async function recordedPid(directory: string, engine: string): Promise<number> {
  return Number(await readFile(join(directory, engine, 'pid'), 'utf8'));
}

/** Pids of all processes that mention the directory, guards included. */
export async function processesOf(directory: string): Promise<{ pid: number; group: number; command: string }[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eww', '-o', 'pid=,pgid=,args='], { maxBuffer: 1 << 24 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, group, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return command.includes(directory) ? [{ pid: Number(pid), group: Number(group), command }] : [];
  });
}
