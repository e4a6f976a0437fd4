/** Token ids that grow; used again from text to text. */
export class IdBuffer {
  #values = new Int32Array(1024);
  length = 0;

  push(id: number): void {
    if (this.length === this.#values.length) {
      const larger = new Int32Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = id;
  }

  /** The last id becomes another one. */
  replaceLast(id: number): void {
    this.#values[this.length - 1] = id;
  }

  /** A view of the first `count` ids, valid until the next push. */
  first(count: number): Int32Array {
    return this.#values.subarray(0, Math.min(count, this.length));
  }
}
