import { z } from 'zod';
import type { IdBuffer } from './id-buffer.ts';
import { isWhiteSpace } from './white-space.ts';
import type { WordPiece } from './word-piece.ts';

const optionsSchema = z.looseObject({
  clean_text: z.boolean().default(false),
  handle_chinese_chars: z.boolean().default(false),
  lowercase: z.boolean().default(false),
  strip_accents: z.boolean().nullable().default(null),
});

// oxlint-disable no-control-regex -- control characters are what is looked for
const unclean = /[\0\uFFFD\p{Cf}\p{Co}\p{Cs}]|(?![\t\n\r])\p{Cc}/gu;
const plainAscii = /^[\x20-\x7e]*$/;
// oxlint-enable no-control-regex
const ideographs = /[\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF]/g;
const accents = /\p{Mn}/gu;
const punctuation = /[\p{P}!-/:-@[-`{-~]/u;

/**
 * Normalises as BertNormalizer of `@huggingface/tokenizers` does: control characters away, white space to spaces, spaces
 * around ideographs of the basic plane, lower case, accents away. Undefined for options of other types.
 */
export function bertNormaliser(options: unknown): ((text: string) => string) | undefined {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) return undefined;
  const { clean_text: clean, handle_chinese_chars: split, lowercase, strip_accents } = parsed.data;
  const strip = lowercase ? strip_accents !== false : strip_accents === true;
  return (text) => {
    if (plainAscii.test(text)) return lowercase ? text.toLowerCase() : text;
    let normalised = clean ? text.replaceAll(unclean, '').replaceAll(/\s/g, ' ') : text;
    if (split) normalised = normalised.replaceAll(ideographs, ' $& ');
    if (lowercase) normalised = normalised.toLowerCase();
    return strip ? normalised.normalize('NFD').replaceAll(accents, '') : normalised;
  };
}

/** Cuts at white space and around each punctuation mark, as BertPreTokenizer does, and appends each word's ids. */
export class BertWords {
  readonly #wordPiece: WordPiece;
  /** 1 where a code unit of the basic plane is punctuation. */
  readonly #punctuation = Uint8Array.from({ length: 0x10000 }, (_, unit) =>
    punctuation.test(String.fromCharCode(unit)) ? 1 : 0,
  );

  constructor(wordPiece: WordPiece) {
    this.#wordPiece = wordPiece;
  }

  /** Appends ids until the text ends or there are more than `limit`. */
  encode(text: string, limit: number, out: IdBuffer): void {
    let start = 0;
    for (let at = 0; at <= text.length && out.length <= limit;) {
      const unit = at === text.length ? 0x20 : text.charCodeAt(at);
      const space = isWhiteSpace(unit);
      const mark = space ? 0 : this.#markAt(text, at, unit);
      if (space || mark > 0) {
        if (start < at) this.#wordPiece.encode(text, [start, at], out);
        if (mark > 0) this.#wordPiece.encode(text, [at, at + mark], out);
        start = at + Math.max(1, mark);
      }
      at += Math.max(1, mark);
    }
  }

  /** Code units of the punctuation mark at a place, 0 where there is none. */
  #markAt(text: string, at: number, unit: number): number {
    if (unit < 0xd800 || unit > 0xdbff) return this.#punctuation[unit] ?? 0;
    const point = text.codePointAt(at) ?? 0;
    return point > 0xffff && punctuation.test(String.fromCodePoint(point)) ? 2 : 0;
  }
}
