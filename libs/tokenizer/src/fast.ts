import { z } from 'zod';
import { AddedTokens } from './added-tokens.ts';
import { bertNormaliser, BertWords } from './bert.ts';
import { IdBuffer } from './id-buffer.ts';
import { type EncodeContent, libraryNormaliser } from './library.ts';
import { encodeMetaspace, metaspaceOf } from './metaspace.ts';
import { stepsOf, type TokenizerFile } from './tokenizer-file.ts';
import { Unigram } from './unigram.ts';
import { WordPiece } from './word-piece.ts';

const wordPieceModel = z.looseObject({
  type: z.literal('WordPiece'),
  unk_token: z.string(),
  continuing_subword_prefix: z.string(),
  max_input_chars_per_word: z.number().default(100),
  fuse_unk: z.literal(false).default(false),
});
const unigramModel = z.looseObject({
  type: z.literal('Unigram'),
  unk_id: z.number().int().min(0),
  byte_fallback: z.boolean().default(false),
});

/** What one part of a text between added tokens becomes. */
interface Words {
  normalise: ((text: string) => string) | undefined;
  added: AddedTokens;
  encode: (text: string, place: { section: number; limit: number }, out: IdBuffer) => void;
}

/**
 * The typed-array path: WordPiece as BERT has it, Unigram as XLM-R has it.
 * @returns the encoder, or in a few words what of the tokenizer it does not cover.
 */
export function fastEncoder(file: TokenizerFile, ids: ReadonlyMap<string, number>): EncodeContent | string {
  for (const piece of ids.keys()) if (!piece.isWellFormed()) return 'a piece with a lone surrogate';
  const words = wordPieceModel.safeParse(file.model).success ? bertWords(file, ids) : unigramWords(file, ids);
  if (typeof words === 'string') return words;
  const { added, normalise } = words;
  const out = new IdBuffer();
  return (text, limit) => {
    out.length = 0;
    for (const [section, part] of added.cut(text).entries()) {
      const id = added.idOf(part);
      if (id !== undefined) out.push(id);
      else if (part !== '') {
        for (const inner of added.cutNormalised(normalise?.(part) ?? part)) {
          const innerId = added.idOf(inner);
          if (innerId !== undefined) out.push(innerId);
          else if (inner !== '') words.encode(inner, { section, limit }, out);
        }
      }
      if (out.length > limit) break;
    }
    return out.first(limit + 1);
  };
}

function bertWords(file: TokenizerFile, ids: ReadonlyMap<string, number>): Words | string {
  const model = wordPieceModel.parse(file.model);
  const { normalizer, pre_tokenizer: cutter } = file;
  if (cutter?.type !== 'BertPreTokenizer') return `pre-tokeniser ${cutter?.type ?? 'none'}`;
  if (normalizer !== null && normalizer.type !== 'BertNormalizer') return `normaliser ${normalizer.type}`;
  const normalise = normalizer === null ? undefined : bertNormaliser(normalizer);
  if (normalizer !== null && normalise === undefined) return 'these options of BertNormalizer';
  const added = new AddedTokens(file.added_tokens, normalise);
  const all = new Map([...ids, ...file.added_tokens.map(({ content, id }) => [content, id] as const)]);
  const unknownId = all.get(model.unk_token);
  if (unknownId === undefined) return 'an unknown token that is not in the vocabulary';
  const wordPiece = new WordPiece({
    ids: all,
    unknownId,
    continuingPrefix: model.continuing_subword_prefix,
    maximumCharacters: model.max_input_chars_per_word,
  });
  const cut = new BertWords(wordPiece);
  return { normalise, added, encode: (text, { limit }, out) => cut.encode(text, limit, out) };
}

function unigramWords(file: TokenizerFile, ids: ReadonlyMap<string, number>): Words | string {
  const parsed = unigramModel.safeParse(file.model);
  if (!parsed.success) return `model ${file.model.type ?? 'without a type'}`;
  const { unk_id: unknownId, byte_fallback: byteFallback } = parsed.data;
  const { vocab } = file.model;
  if (!Array.isArray(vocab) || vocab.length !== ids.size) return 'a piece that the vocabulary holds twice';
  const scores = Float64Array.from(vocab, (entry: [string, unknown]) => Number(entry[1]));
  if (!scores.every((score) => score <= 0)) return 'scores that are no log-probabilities';
  const metaspace = metaspaceOf(stepsOf(file.pre_tokenizer, 'pretokenizers'));
  if (metaspace === undefined || !ids.has(String.fromCharCode(metaspace.mark)))
    return `pre-tokeniser ${file.pre_tokenizer?.type ?? 'none'}`;
  if (file.added_tokens.some(({ content, id }) => (ids.get(content) ?? id) !== id))
    return 'an added token with another id than its piece';
  const normalise = libraryNormaliser(file);
  const added = new AddedTokens(file.added_tokens, normalise);
  const ofUnknown = unknownRuns({ file, ids, byteFallback });
  const unigram = new Unigram({ ids, scores, unknownId, ofUnknown });
  return {
    normalise,
    added,
    encode: (text, place, out) => encodeMetaspace(text, { ...metaspace, ...place }, { unigram, out }),
  };
}

/** A run of unknown characters may be an added token that is no piece, or its bytes may be pieces. */
function unknownRuns(options: { file: TokenizerFile; ids: ReadonlyMap<string, number>; byteFallback: boolean }) {
  const { file, ids, byteFallback } = options;
  const others = new Map(file.added_tokens.filter(({ content }) => !ids.has(content)).map((a) => [a.content, [a.id]]));
  const bytes = Array.from({ length: 256 }, (_, byte) =>
    ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  );
  if (!byteFallback && others.size === 0) return undefined;
  return (run: string): readonly number[] | undefined => {
    const other = others.get(run);
    if (other !== undefined || !byteFallback) return other;
    const fallback = [...new TextEncoder().encode(run)].flatMap((byte) => bytes[byte] ?? []);
    return fallback.length === new TextEncoder().encode(run).length ? fallback : undefined;
  };
}
