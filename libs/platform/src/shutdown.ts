import type { Logger } from './logger.ts';
import { reasonOf } from './errors.ts';

/** Steps that end a process, run in reverse order of registration, each at most once. */
export class Shutdown {
  readonly #steps: { name: string; run: () => unknown }[] = [];
  readonly #logger: Logger;
  #running: Promise<void> | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(name: string, run: () => unknown): void {
    this.#steps.push({ name, run });
  }

  /** Runs every step even when one fails; a second call waits for the first. */
  run(): Promise<void> {
    return (this.#running ??= this.#runAll());
  }

  async #runAll(): Promise<void> {
    for (const step of this.#steps.toReversed()) {
      try {
        await step.run();
      } catch (error) {
        this.#logger.error({ step: step.name, reason: reasonOf(error) }, 'a shutdown step failed');
      }
    }
  }

  /** Ends the process in order on Ctrl-C and SIGTERM; a second signal ends it at once. */
  onSignals(exit: (code: number) => void): void {
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) exit(130);
        asked = true;
        void this.run().then(() => exit(signal === 'SIGINT' ? 130 : 0));
      });
    }
  }
}
