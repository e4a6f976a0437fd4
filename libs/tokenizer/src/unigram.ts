import type { IdBuffer } from './id-buffer.ts';
import { exactPath } from './lattice.ts';
import { Trie } from './trie.ts';

export interface UnigramOptions {
  /** Every piece with its id. */
  ids: ReadonlyMap<string, number>;
  /** Log-probability of each id; the unknown token's own is not used. */
  scores: Float64Array;
  unknownId: number;
  /** What a run of characters that no piece covers becomes, where that is not the one unknown token. */
  ofUnknown: ((run: string) => readonly number[] | undefined) | undefined;
}

/** How much less likely than the least likely piece an unknown character is. Source: sentencepiece, kUnkPenalty. */
const unknownPenalty = 10;
/** Sums of scores that differ by less, relative to their size, may be equal once another score is added. */
const rounding = 2 * Number.EPSILON;

/**
 * The most probable segmentation under a unigram language model, by the Viterbi algorithm over code units.
 * Equal scores go to the longer last piece. Consecutive unknown characters become one token.
 * Source: Kudo 2018, "Subword Regularization"; sentencepiece, unigram_model.cc EncodeOptimized.
 */
export class Unigram {
  readonly #options: UnigramOptions;
  readonly #trie: Trie;
  readonly #scores: Float64Array;
  readonly #unknownScore: number;
  /** The largest size of a score. */
  readonly #largest: number;
  #units = new Uint16Array(1024);
  #length = 0;
  /** Per end of a piece: the best score of any path to it, and where and which the path's last piece is. */
  #best = new Float64Array(1025);
  #from = new Int32Array(1025);
  #piece = new Int32Array(1025);
  #run: string | undefined;

  constructor(options: UnigramOptions) {
    this.#options = options;
    this.#trie = new Trie(options.ids);
    let least = Number.POSITIVE_INFINITY;
    for (const score of options.scores) least = Math.min(least, score);
    this.#unknownScore = least - unknownPenalty;
    this.#largest = Math.abs(this.#unknownScore);
    this.#scores = options.scores.slice();
    this.#scores[options.unknownId] = this.#unknownScore;
  }

  /** Adds a code unit to the word that `flush` segments. */
  add(unit: number): void {
    if (this.#length === this.#units.length) this.#grow();
    this.#units[this.#length++] = unit;
  }

  /** Whether nothing has been added. */
  get empty(): boolean {
    return this.#length === 0;
  }

  /** Segments what was added and appends its ids. */
  flush(out: IdBuffer): void {
    const length = this.#length;
    this.#length = 0;
    if (!this.#viterbi(length)) this.#exact(length);
    const { unknownId } = this.#options;
    for (let start = 0; start < length;) {
      const end = this.#from[start] ?? length;
      const id = this.#piece[end] ?? -1;
      if (id < 0 || id === unknownId) this.#unknown(start, end, out);
      else {
        if (this.#run !== undefined) this.endRun(out);
        out.push(id);
      }
      start = end;
    }
  }

  /**
   * Leaves, per start of a piece of the best path, its end in `#from`, and per end its id, -1 for unknown, in `#piece`.
   * @returns false when two paths differed by so little that it depends on rounding which is taken.
   */
  #viterbi(length: number): boolean {
    const units = this.#units;
    const best = this.#best;
    const from = this.#from;
    const pieces = this.#piece;
    const trie = this.#trie;
    const scores = this.#scores;
    for (let i = 1; i <= length; i++) from[i] = -1; // nothing has reached it
    best[0] = 0;
    let clear = true;
    for (let start = 0; start < length;) {
      const score = best[start] ?? 0;
      const next = start + widthAt(units, start, length);
      let covered = false;
      let node = Trie.root;
      for (let end = start; end < length;) {
        node = trie.child(node, units[end] ?? 0);
        if (node === Trie.none) break;
        end++;
        const id = trie.value(node);
        if (id < 0) continue;
        if (end === next) covered = true;
        const candidate = score + (scores[id] ?? 0);
        const known = best[end] ?? 0;
        if (from[end] === -1 || candidate > known) {
          if (from[end] !== -1 && candidate - known < (this.#largest - candidate) * rounding) clear = false;
          best[end] = candidate;
          from[end] = start;
          pieces[end] = id;
        }
      }
      if (!covered) {
        const candidate = score + this.#unknownScore;
        const known = best[next] ?? 0;
        if (from[next] === -1 || candidate > known) {
          if (from[next] !== -1 && candidate - known < (this.#largest - candidate) * rounding) clear = false;
          best[next] = candidate;
          from[next] = start;
          pieces[next] = -1;
        }
      }
      start = next;
    }
    // The path is known from its end: it is turned round in place.
    for (let end = length, after = length; end >= 0;) {
      const start = end === 0 ? -1 : (from[end] ?? 0);
      from[end] = after;
      after = end;
      end = start;
    }
    return clear;
  }

  /** The same, however little two paths differ. */
  #exact(length: number): void {
    const units = this.#units;
    const piecesAt = (start: number) => {
      const next = start + widthAt(units, start, length);
      const found: { end: number; id: number; score: number }[] = [];
      let node = this.#trie.child(Trie.root, units[start] ?? 0);
      for (let end = start + 1; node !== Trie.none; node = this.#trie.child(node, units[end++] ?? 0)) {
        const id = this.#trie.value(node);
        if (id >= 0) found.push({ end, id, score: this.#scores[id] ?? 0 });
        if (end === length) break;
      }
      if (found[0]?.end !== next) found.push({ end: next, id: -1, score: this.#unknownScore });
      return found;
    };
    const path = exactPath(length, piecesAt);
    for (const [i, { start, id }] of path.entries()) {
      const end = path[i + 1]?.start ?? length;
      this.#from[start] = end;
      this.#piece[end] = id;
    }
  }

  /** Ends a run of unknown characters; the next ones are a token of their own. */
  endRun(out: IdBuffer): void {
    if (this.#run === undefined) return;
    const ids = this.#options.ofUnknown?.(this.#run);
    this.#run = undefined;
    if (ids === undefined) return;
    const [first = 0, ...others] = ids;
    out.replaceLast(first);
    for (const id of others) out.push(id);
  }

  #unknown(start: number, end: number, out: IdBuffer): void {
    if (this.#run === undefined) {
      out.push(this.#options.unknownId);
      this.#run = '';
    }
    if (this.#options.ofUnknown === undefined) return;
    for (let i = start; i < end; i++) this.#run += String.fromCharCode(this.#units[i] ?? 0);
  }

  #grow(): void {
    const units = new Uint16Array(this.#units.length * 2);
    units.set(this.#units);
    this.#units = units;
    this.#best = new Float64Array(units.length + 1);
    this.#from = new Int32Array(units.length + 1);
    this.#piece = new Int32Array(units.length + 1);
  }
}

/** Code units of the code point at a place; a lone surrogate is one by itself. */
function widthAt(units: Uint16Array, at: number, length: number): number {
  const unit = units[at] ?? 0;
  if (unit < 0xd800 || unit > 0xdbff || at + 1 === length) return 1;
  const low = units[at + 1] ?? 0;
  return low >= 0xdc00 && low <= 0xdfff ? 2 : 1;
}
