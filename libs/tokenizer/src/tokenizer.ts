import { fastEncoder } from './fast.ts';
import { type EncodeContent, libraryEncoder } from './library.ts';
import { firstDifference } from './self-check.ts';
import { type Template, templateOf } from './template.ts';
import { parseTokenizerFile, type TokenizerFile, vocabularyOf } from './tokenizer-file.ts';

/** The token ids of one text. */
export interface Encoding {
  /** With the special tokens around the text; at least those, at most the maximum. */
  ids: Int32Array;
  /** The text's end was cut off. */
  truncated: boolean;
}

/** A loaded tokenizer. Not reentrant, which nothing synchronous needs. */
export interface Tokenizer {
  /**
   * Ids of a text. One of more than `maximumTokens` keeps its head and its special tokens.
   * @param maximumTokens more than `specialTokens`.
   */
  encode(text: string, maximumTokens: number): Encoding;
  /** The id of a token as the file writes it. */
  idOf(token: string): number | undefined;
  /** Tokens around every text. */
  specialTokens: number;
  /** No id is larger. */
  largestId: number;
  /** `fast` is the typed-array path, `library` is `@huggingface/tokenizers`. */
  path: 'fast' | 'library';
  /** Why the library is used. */
  reason: string | undefined;
}

/**
 * Reads a `tokenizer.json`. The typed-array path is used where it covers the tokenizer and answers a fixed set of odd
 * texts as the library does, id for id; else the library itself.
 * @throws Error in one sentence, for a file that is no tokenizer or one whose template is not supported.
 */
export function loadTokenizer(json: string): Tokenizer {
  const file = parseTokenizerFile(json);
  const ids = vocabularyOf(file);
  const added = new Map(file.added_tokens.map(({ content, id }) => [content, id]));
  const idOf = (token: string) => added.get(token) ?? ids.get(token);
  const { type, vocab, unk_id: unknownId } = file.model;
  if (type === 'Unigram' && Array.isArray(vocab) && typeof unknownId === 'number' && vocab[unknownId] === undefined)
    throw new Error(`tokenizer.json model.unk_id ${unknownId} is no place in the vocabulary`);
  const template = templateOf(file, idOf);
  let largestId = 0;
  for (const id of [...template.before, ...template.after, ...added.values()]) largestId = Math.max(largestId, id);
  for (const id of ids.values()) largestId = Math.max(largestId, id);
  const { encode, reason } = chooseEncoder(file, ids);
  return {
    encode: (text, maximumTokens) => wrap(encode, template, { text, maximumTokens }),
    idOf,
    specialTokens: template.before.length + template.after.length,
    largestId,
    path: reason === undefined ? 'fast' : 'library',
    reason,
  };
}

function chooseEncoder(
  file: TokenizerFile,
  ids: ReadonlyMap<string, number>,
): { encode: EncodeContent; reason: string | undefined } {
  const library = readByLibrary(file);
  const fast = fastEncoder(file, ids);
  const fallsBack = file.model['byte_fallback'] === true && file.model.type === 'Unigram';
  if (typeof fast === 'string') {
    // The library would answer the unknown token where the model was trained on bytes.
    if (fallsBack) throw new Error(`tokenizer.json: a Unigram model with byte fallback and ${fast} is not supported`);
    return { encode: library, reason: `the typed-array path does not cover ${fast}` };
  }
  const comparable = fallsBack ? fastEncoder({ ...file, model: { ...file.model, byte_fallback: false } }, ids) : fast;
  const difference = typeof comparable === 'string' ? comparable : firstDifference(comparable, library);
  if (difference === undefined) return { encode: fast, reason: undefined };
  return { encode: library, reason: `the typed-array path answers ${JSON.stringify(difference)} differently` };
}

function readByLibrary(file: TokenizerFile): EncodeContent {
  try {
    return libraryEncoder(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`tokenizer.json cannot be read: ${reason}`, { cause });
  }
}

function wrap(
  encode: EncodeContent,
  { before, after }: Template,
  { text, maximumTokens }: { text: string; maximumTokens: number },
): Encoding {
  const room = maximumTokens - before.length - after.length;
  if (room < 1) throw new RangeError(`${maximumTokens} tokens leave no room for a text between the special tokens`);
  const content = encode(text, room);
  const truncated = content.length > room;
  const kept = truncated ? content.subarray(0, room) : content;
  const ids = new Int32Array(before.length + kept.length + after.length);
  ids.set(before);
  ids.set(kept, before.length);
  ids.set(after, before.length + kept.length);
  return { ids, truncated };
}
