/**
 * Hashed character n-grams, n = 1 … 4, over the UTF-16 code units of a normalised text.
 *
 * The hash of an n-gram u1 … un is a polynomial modulo the largest prime below 2^16, built left to right:
 * h(0) = `start`, h(i) = (h(i-1) + u(i)) * `multiplier` mod `modulus`; its bucket is h(n) + 1, and bucket 0 is nobody's.
 * Chosen so that every intermediate value stays below 2^31: the ONNX graph computes the same in int32, which has CPU and
 * CUDA kernels for Add, Mul and Mod. The multiplier is the one for which two bigrams whose units differ by less than 243
 * and two trigrams whose units differ by less than 37 (the letters of one alphabet) never share a bucket.
 * Source: Karp and Rabin, "Efficient randomized pattern-matching algorithms", 1987 (the hash); Weinberger et al.,
 * "Feature hashing for large scale multitask learning", ICML 2009 (the buckets).
 */
export const hashing = { modulus: 65_521, multiplier: 11_055, start: 40_503, maximumNgram: 4 } as const;

/** Rows of a weight table: one a hash value, and row 0, which stays zero and is where padding points. */
export const bucketCount = hashing.modulus + 1;

/** n-grams of a text of this many units. */
export function ngramCount(units: number): number {
  let count = 0;
  for (let n = 1; n <= hashing.maximumNgram; n++) count += Math.max(units - n + 1, 0);
  return count;
}

/**
 * Writes the bucket of every n-gram of a normalised text into `out` (room for `ngramCount(text.length)`).
 * @returns how many were written.
 */
export function hashNgrams(text: string, out: Int32Array | Uint16Array): number {
  const { modulus, multiplier, start, maximumNgram } = hashing;
  const { length } = text;
  let written = 0;
  for (let i = 0; i < length; i++) {
    const end = Math.min(i + maximumNgram, length);
    let hash: number = start;
    for (let j = i; j < end; j++) {
      hash = Math.imul(hash + text.charCodeAt(j), multiplier) % modulus;
      out[written++] = hash + 1;
    }
  }
  return written;
}

/** The n-gram counts of many texts: row i is `buckets` and `counts` from `offsets[i]` to `offsets[i + 1]`. */
export interface FeatureRows {
  rows: number;
  /** Values that `buckets` may have. */
  size: number;
  offsets: Float64Array;
  buckets: Uint16Array;
  counts: Uint16Array | Float32Array;
  /** n-grams of each text, repeated ones included. */
  totals: Int32Array;
}

/** Counts the n-grams of normalised texts; each bucket occurs once a row, in order of first occurrence. */
export function extractFeatures(texts: readonly string[]): FeatureRows {
  let capacity = 0;
  let longest = 0;
  for (const text of texts) {
    capacity += ngramCount(text.length);
    longest = Math.max(longest, ngramCount(text.length));
  }
  // An upper bound; what is never written is never backed by memory.
  const buckets = new Uint16Array(capacity);
  const counts = new Uint16Array(capacity);
  const offsets = new Float64Array(texts.length + 1);
  const totals = new Int32Array(texts.length);
  const scratch = new Int32Array(longest);
  const slotOf = new Int32Array(bucketCount);
  let position = 0;
  for (const [row, text] of texts.entries()) {
    const first = position;
    const total = hashNgrams(text, scratch);
    for (let k = 0; k < total; k++) {
      const bucket = scratch[k] ?? 0;
      const slot = slotOf[bucket] ?? 0;
      if (slot > 0) {
        counts[first + slot - 1] = (counts[first + slot - 1] ?? 0) + 1;
      } else {
        buckets[position] = bucket;
        counts[position++] = 1;
        slotOf[bucket] = position - first;
      }
    }
    for (let k = first; k < position; k++) slotOf[buckets[k] ?? 0] = 0;
    totals[row] = total;
    offsets[row + 1] = position;
  }
  return { rows: texts.length, size: bucketCount, offsets, buckets, counts, totals };
}
