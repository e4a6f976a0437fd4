/** A signal that aborts with a TimeoutError after some time, or with `signal`; dispose of it when the work is done. */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal | undefined;

  /**
   * Not AbortSignal.timeout: that lives until its time has come, though its work was done in a millisecond, and the
   * garbage collector has thousands of them to look after (docs/benchmarks.md, REST).
   */
  constructor(milliseconds: number, signal?: AbortSignal) {
    this.#timer = setTimeout(
      () => this.#controller.abort(new DOMException('the time is up', 'TimeoutError')),
      milliseconds,
    );
    this.#outer = signal;
    if (signal?.aborted === true) this.#giveUp();
    else signal?.addEventListener('abort', this.#giveUp, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#giveUp);
  }

  readonly #giveUp = (): void => this.#controller.abort(this.#outer?.reason);
}
