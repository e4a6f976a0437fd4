/** Reference texts that a predicted class needs to be compared on its own. */
const fewest = 20;

/** Most classes that are compared on their own: beyond, nulls cost more than they say. */
const most = 30;

/**
 * Which predicted classes are compared on their own: those with enough reference texts. The others, and classes that
 * the reference has never seen, are compared together; if even together they are too few, with the largest class.
 */
export class Strata {
  readonly #indices = new Map<string, number>();
  readonly #rest: number;
  readonly count: number;

  constructor(referencePredictions: readonly string[]) {
    const sizes = new Map<string, number>();
    for (const label of referencePredictions) sizes.set(label, (sizes.get(label) ?? 0) + 1);
    const bySize = [...sizes].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    let pooled = 0;
    for (const [label, size] of bySize) {
      if (size >= fewest && this.#indices.size < most) this.#indices.set(label, this.#indices.size);
      else pooled += size;
    }
    const own = this.#indices.size;
    this.#rest = pooled >= fewest || own === 0 ? own : 0;
    this.count = this.#rest === own ? own + 1 : own;
  }

  /** Number of the stratum of a predicted class, 0 … count - 1. */
  of(predicted: string): number {
    return this.#indices.get(predicted) ?? this.#rest;
  }
}
