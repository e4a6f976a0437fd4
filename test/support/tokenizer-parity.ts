import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { loadTokenizer } from '#libs/tokenizer';

/**
 * Whether texts get the ids that `@huggingface/tokenizers` gives them, special tokens included.
 * @returns the texts that do not.
 */
export function textsThatDiffer(
  json: string,
  texts: Iterable<string>,
): { path: string; compared: number; different: string[] } {
  const ours = loadTokenizer(json);
  const library = new LibraryTokenizer(JSON.parse(json), {});
  const different: string[] = [];
  let compared = 0;
  for (const text of texts) {
    compared++;
    const expected = library.encode(text).ids;
    const { ids, truncated } = ours.encode(text, 2 ** 30);
    if (truncated || ids.length !== expected.length || ids.some((id, i) => id !== expected[i])) different.push(text);
  }
  return { path: ours.path, compared, different };
}
