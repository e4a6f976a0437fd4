import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { lineDescriptor } from './host-channel.ts';

/** A process that runs `host.ts`, and the line to it. */
export interface HostProcess {
  pid: number;
  /** Takes requests and gives replies; closes when the process has ended and all it said was read. */
  socket: Socket;
  /** How it ended: signal or exit code, and its last words. */
  ended: Promise<string>;
  kill(): void;
}

/** What the process runs. */
export interface HostModule {
  path: string;
  execArgv: string[];
}

/** @throws Error when no process can be started */
export type StartHost = (module: HostModule) => Promise<HostProcess>;

const lastWordsLength = 2000;

/** Starts a host as a child of this process. */
export async function startHost({ path, execArgv }: HostModule): Promise<HostProcess> {
  const child = spawn(process.execPath, [...execArgv, path], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  const socket = child.stdio[lineDescriptor];
  let lastWords = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    lastWords = (lastWords + chunk).slice(-lastWordsLength);
  });
  const silent = new Promise((resolve) => child.stderr?.once('close', resolve));
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      const how = signal ?? `code ${String(code)}`;
      void silent.then(() => resolve(lastWords === '' ? how : `${how}: ${lastWords.trim()}`));
    });
  });
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const { pid } = child;
  if (pid === undefined || !(socket instanceof Socket)) throw new Error('there is no line to the process');
  return { pid, socket, ended, kill: () => void child.kill('SIGKILL') };
}
