import type { IdBuffer } from './id-buffer.ts';
import { Trie } from './trie.ts';

export interface WordPieceOptions {
  ids: ReadonlyMap<string, number>;
  unknownId: number;
  /** In front of every piece of a word but its first, usually `##`. */
  continuingPrefix: string;
  /** A word of more code points is unknown as a whole. */
  maximumCharacters: number;
}

/**
 * Greedy longest match first; a word of which a part matches nothing is unknown as a whole.
 * Source: Devlin et al. 2019, BERT, tokenization.py WordpieceTokenizer.
 */
export class WordPiece {
  readonly #options: WordPieceOptions;
  readonly #trie: Trie;
  /** Where pieces that continue a word begin. */
  readonly #continuing: number;

  constructor(options: WordPieceOptions) {
    this.#options = options;
    this.#trie = new Trie(options.ids);
    let node = Trie.root;
    for (let i = 0; i < options.continuingPrefix.length && node !== Trie.none; i++)
      node = this.#trie.child(node, options.continuingPrefix.charCodeAt(i));
    this.#continuing = node;
  }

  /** Appends the ids of the word in `text` from `start` to before `end`. */
  encode(text: string, [start, end]: readonly [start: number, end: number], out: IdBuffer): void {
    const trie = this.#trie;
    const before = out.length;
    let known = end - start <= this.#options.maximumCharacters || this.#fits(text.slice(start, end));
    for (let from = start; known && from < end;) {
      let node = from === start ? Trie.root : this.#continuing;
      let id = -1;
      let to = from;
      for (let i = from; i < end && node !== Trie.none; i++) {
        node = trie.child(node, text.charCodeAt(i));
        if (node === Trie.none) break;
        const value = trie.value(node);
        if (value < 0) continue;
        id = value;
        to = i + 1;
      }
      known = id >= 0;
      if (known) out.push(id);
      from = to;
    }
    if (known) return;
    out.length = before;
    out.push(this.#options.unknownId);
  }

  #fits(word: string): boolean {
    return Array.from(word).length <= this.#options.maximumCharacters;
  }
}
