/** Why a service is not ready; ready when nothing stands against it. */
export class Readiness {
  readonly #reasons = new Map<string, string>();

  /** `part` is not ready, for `reason`. */
  block(part: string, reason: string): void {
    this.#reasons.set(part, reason);
  }

  clear(part: string): void {
    this.#reasons.delete(part);
  }

  get ready(): boolean {
    return this.#reasons.size === 0;
  }

  /** One sentence a part, as /readyz shows them. */
  get reasons(): string[] {
    return [...this.#reasons].map(([part, reason]) => `${part}: ${reason}`);
  }
}
