/** Numbers terms 0, 1, 2 … in the order they are first seen. */
export class Vocabulary {
  readonly #ids = new Map<string, number>();

  get size(): number {
    return this.#ids.size;
  }

  /** The term's number, a new one if it has none yet. */
  add(term: string): number {
    const known = this.#ids.get(term);
    if (known !== undefined) return known;
    this.#ids.set(term, this.#ids.size);
    return this.#ids.size - 1;
  }

  /** The term's number; undefined when it has none. */
  find(term: string): number | undefined {
    return this.#ids.get(term);
  }

  terms(): IterableIterator<string> {
    return this.#ids.keys();
  }
}
