import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import type { TokenizerFile } from './tokenizer-file.ts';

/** The ids of a text without the special tokens around it; at most one more than `limit`, which says that there are more. */
export type EncodeContent = (text: string, limit: number) => Int32Array;

/** The reference: `@huggingface/tokenizers` reads the file as it is. */
export function libraryEncoder(file: TokenizerFile): EncodeContent {
  // How ids become text again does not matter here; an unknown decoder must not make the file unreadable.
  const tokenizer = new LibraryTokenizer({ ...file, decoder: null }, {});
  return (text, limit) => {
    const { ids } = tokenizer.encode(text, { add_special_tokens: false });
    // What a model without an unknown token does not know has no id: it is left out, as native `tokenizers` does.
    const known = ids.filter((id: unknown) => Number.isInteger(id));
    return Int32Array.from(known.length > limit ? known.slice(0, limit + 1) : known);
  };
}

/** The library's normaliser of a file, without its vocabulary. */
export function libraryNormaliser({ normalizer }: TokenizerFile): ((text: string) => string) | undefined {
  const model = { type: 'WordPiece', vocab: {}, unk_token: '' };
  const parts = { pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [] };
  const loaded = new LibraryTokenizer({ normalizer, model, ...parts }, {}).normalizer;
  return loaded === null ? undefined : (text) => loaded.normalize(text);
}
