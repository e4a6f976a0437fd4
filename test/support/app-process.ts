import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A service of the build in a process of its own, to be killed. */
export interface AppProcess extends AsyncDisposable {
  pid: number;
  /** Resolves when the line of the log appears that says that it listens. */
  url: Promise<string>;
  /** What it has written to its log. */
  log(): string;
  kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** Starts `dist/apps/<app>/src/main.js` with settings by their names, as `TIDEMILL__KAFKA__BROKERS`. */
export function startApp(app: string, settings: Readonly<Record<string, string>>): AppProcess {
  const main = join(import.meta.dirname, '..', '..', 'dist', 'apps', app, 'src', 'main.js');
  if (!existsSync(main)) throw new Error(`${main} is missing: npm run build`);
  const child: ChildProcess = spawn(process.execPath, [main], {
    env: { PATH: process.env['PATH'] ?? '', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const listening = Promise.withResolvers<string>();
  let log = '';
  const note = (chunk: Buffer) => {
    log += chunk.toString();
    const url = /"url":"(http:[^"]+)"/.exec(log)?.[1];
    if (url !== undefined) listening.resolve(url);
  };
  child.stdout?.on('data', note);
  child.stderr?.on('data', note);
  void exited.then(() => listening.reject(new Error(`${app} ended before it listened:\n${log}`)));
  listening.promise.catch(() => undefined);
  const kill = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await exited;
    }
    return child.signalCode ?? child.exitCode;
  };
  return {
    pid: child.pid ?? 0,
    url: listening.promise,
    log: () => log,
    kill,
    async [Symbol.asyncDispose]() {
      await kill('SIGKILL');
    },
  };
}
