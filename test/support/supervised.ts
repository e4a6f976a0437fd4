import { type AppProcess, startEntry } from './app-process.ts';

/** A process that is started again whenever it ends, as a supervisor does. */
export class Supervised implements AsyncDisposable {
  readonly #entry: string;
  readonly #settings: Readonly<Record<string, string>>;
  #process: AppProcess;
  #wanted = true;
  /** How often it ended by itself. */
  restarts = 0;

  constructor(entry: string, settings: Readonly<Record<string, string>>) {
    this.#entry = entry;
    this.#settings = settings;
    this.#process = this.#start();
  }

  get process(): AppProcess {
    return this.#process;
  }

  /** Ends it for good; returns how it ended. */
  async stop(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    this.#wanted = false;
    return await this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }

  #start(): AppProcess {
    const started = startEntry(this.#entry, this.#settings);
    void started.ended.then(() => {
      if (!this.#wanted) return;
      this.restarts++;
      this.#process = this.#start();
    });
    return started;
  }
}
