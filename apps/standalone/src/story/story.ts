import type { Clock } from '#libs/platform';

/** Where the story is told. */
export interface Terminal {
  write(text: string): unknown;
  isTTY?: boolean | undefined;
  columns?: number | undefined;
}

/**
 * The few lines a person reads. On a terminal the last line shows progress and is drawn over; elsewhere progress is
 * said now and then as a line of its own.
 */
export class Story {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  #progress = '';
  #saidAt = 0;

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal;
    this.#clock = clock;
  }

  line(text: string): void {
    this.#clear();
    this.#terminal.write(`${text}\n`);
    this.#draw();
  }

  /** Says what is going on; the empty text takes it back. */
  progress(text: string): void {
    if (this.#terminal.isTTY === true) {
      this.#clear();
      this.#progress = text;
      this.#draw();
      return;
    }
    const now = this.#clock.now();
    if (text === '' || now - this.#saidAt < silence) return;
    this.#saidAt = now;
    this.#terminal.write(`  ${text}\n`);
  }

  /** Runs one stage and says how it ended: what `work` returns, and the seconds it took. */
  async stage<T extends { said: string }>(name: string, work: (story: Story) => Promise<T>): Promise<T> {
    const started = this.#clock.now();
    this.#saidAt = started;
    this.progress(`${name} …`);
    const result = await work(this).finally(() => this.progress(''));
    this.line(`  ✓ ${result.said} (${((this.#clock.now() - started) / 1000).toFixed(1)} s)`);
    return result;
  }

  #clear(): void {
    if (this.#terminal.isTTY === true && this.#progress !== '') this.#terminal.write('\r\u001b[2K');
  }

  #draw(): void {
    if (this.#terminal.isTTY !== true || this.#progress === '') return;
    this.#terminal.write(`  ${this.#progress}`.slice(0, (this.#terminal.columns ?? 80) - 1));
  }
}

/** Milliseconds between two lines of progress where lines cannot be drawn over. */
const silence = 10_000;
