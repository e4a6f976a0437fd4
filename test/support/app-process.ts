import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestStream } from './stream.ts';

/** A service of the build in a process of its own, to be killed. */
export interface AppProcess extends AsyncDisposable {
  pid: number;
  /** Resolves when the line of the log appears that says that it listens. */
  url: Promise<string>;
  /** What it has written to its log. */
  log(): string;
  kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  /** Resolves when it has ended, however. */
  ended: Promise<unknown>;
  /** Sends a message and waits for an answer. */
  ask(message: object): Promise<unknown>;
}

/** Starts `dist/apps/<app>/src/main.js` with settings by their names, as `TIDEMILL__KAFKA__BROKERS`. */
export function startApp(app: string, settings: Readonly<Record<string, string>>): AppProcess {
  return startEntry(join(import.meta.dirname, '..', '..', 'dist', 'apps', app, 'src', 'main.js'), settings);
}

/** The same on the topics of a test and any port. */
export function startAppOn(
  { options, topicPrefix }: TestStream,
  app: string,
  settings: Readonly<Record<string, string>>,
): AppProcess {
  return startApp(app, {
    TIDEMILL__KAFKA__BROKERS: options.brokers.join(','),
    TIDEMILL__KAFKA__TOPICPREFIX: topicPrefix,
    TIDEMILL__SCHEMAREGISTRY__URL: options.registryUrl,
    [`TIDEMILL__${app.toUpperCase()}__PORT`]: '0',
    ...settings,
  });
}

/** The same of any entry that logs its `url`; it can be sent messages. */
export function startEntry(main: string, settings: Readonly<Record<string, string>>): AppProcess {
  if (!existsSync(main)) throw new Error(`${main} is missing: npm run build`);
  const child: ChildProcess = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
    env: { PATH: process.env['PATH'] ?? '', ...settings },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
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
  void exited.then(() => listening.reject(new Error(`${main} ended before it listened:\n${log}`)));
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
    ended: exited,
    async ask(message) {
      const answered = once(child, 'message');
      child.send(message);
      return (await Promise.race([answered, exited]))[0];
    },
    async [Symbol.asyncDispose]() {
      await kill('SIGKILL');
    },
  };
}
