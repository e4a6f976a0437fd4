import { createHash } from 'node:crypto';
import { Problem } from '#libs/http';

interface Remembered<T> {
  digest: string;
  answer: Promise<T>;
  weight: number;
}

/**
 * Answers to requests that carried an Idempotency-Key, so that a retry gets the same answer and does nothing.
 * Bounded by weight, the least recently used go first; what falls out is still the same records, because their ids
 * are derived from the key.
 */
export class IdempotentAnswers<T> {
  readonly #capacity: number;
  readonly #entries = new Map<string, Remembered<T>>();
  #weight = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /**
   * The remembered answer of `key`, or the one `make` gives; failures are not remembered.
   * @throws Problem 422 when the key was used with another body
   */
  answer(key: string, body: unknown, { weight, make }: { weight: number; make: () => Promise<T> }): Promise<T> {
    const digest = digestOf(JSON.stringify(body));
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (known.digest !== digest)
        throw new Problem(422, 'this Idempotency-Key was used with another body: use a new key for a new request');
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.answer;
    }
    const entry = { digest, answer: make(), weight };
    this.#entries.set(key, entry);
    this.#weight += weight;
    entry.answer.catch(() => this.#forget(key, entry));
    for (const [oldest, old] of this.#entries) {
      if (this.#weight <= this.#capacity || old === entry) break;
      this.#forget(oldest, old);
    }
    return entry.answer;
  }

  #forget(key: string, entry: Remembered<T>): void {
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
  }
}

/** The id of record `index` of the request with `key`: the same for every retry. */
export function derivedId(topic: string, key: string, index: number): string {
  const hex = digestOf(`${topic}\0${key}\0${index}`);
  // UUID version 8 (RFC 9562): the bits are ours.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function digestOf(value: string): string {
  return createHash('sha256').update(value).digest('hex');
}
