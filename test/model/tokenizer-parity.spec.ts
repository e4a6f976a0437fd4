import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../apps/standalone/src/streams/random.ts';
import { textsThatDiffer } from '../support/tokenizer-parity.ts';
import {
  drawText,
  languagesByScript,
  paragraphs,
  unigramTokenizer,
  wordPieceTokenizer,
} from '../support/tokenizers.ts';

// `test/model/tokenizer-parity.ts` does the same on 100,000 texts and the whole vocabulary.
const scripts = Object.values(languagesByScript).map(paragraphs);
const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false };
const collapse = { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' };
const words = [
  {
    id: 20_000,
    content: 'Human Rights',
    single_word: false,
    lstrip: true,
    rstrip: true,
    normalized: true,
    special: false,
  },
  { id: 20_001, content: '🙂', single_word: false, lstrip: false, rstrip: false, normalized: false, special: false },
];
const tokenizers = {
  'Unigram as XLM-R has it': unigramTokenizer(scripts.flat(), { size: 12_000 }),
  'Unigram whose pieces reach over spaces': unigramTokenizer(scripts.flat(), {
    size: 6000,
    pre_tokenizer: metaspace,
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFKC' }, collapse] },
    added_tokens: words,
  }),
  'WordPiece as BERT has it': wordPieceTokenizer(scripts.flat(), { size: 12_000 }),
  'WordPiece, cased, uncleaned': wordPieceTokenizer(scripts.flat(), {
    size: 12_000,
    lowercase: false,
    normalizer: {
      type: 'BertNormalizer',
      clean_text: false,
      handle_chinese_chars: false,
      strip_accents: true,
      lowercase: false,
    },
    added_tokens: words,
  }),
};

describe.each(Object.entries(tokenizers))('the typed-array path of %s', (_name, json) => {
  it('gives the ids of the library to texts in 29 languages and 28 scripts, emoji and broken characters', () => {
    const random = seededRandom('parity');
    const texts = Array.from({ length: 2000 }, () => drawText(random, scripts));
    const long = [texts.join(' ').slice(0, 20_000), texts.join('').slice(0, 5000), 'ab '.repeat(3000)];
    const { path, compared, different } = textsThatDiffer(json, [...texts, ...long, '', ' ', '\u3000\t']);
    expect(path).toBe('fast');
    expect(compared).toBe(2006);
    expect(different).toEqual([]);
  });

  it('gives the ids of the library to whatever strings there are', () => {
    const texts = [
      ...fc.sample(fc.string({ unit: 'binary', maxLength: 60 }), { seed: 4, numRuns: 500 }),
      ...fc.sample(fc.string({ unit: 'grapheme', maxLength: 60 }), { seed: 4, numRuns: 500 }),
      ...fc
        .sample(fc.array(fc.nat(0xffff), { maxLength: 30 }), { seed: 4, numRuns: 500 })
        .map((units) => String.fromCharCode(...units)),
    ];
    expect(textsThatDiffer(json, texts).different).toEqual([]);
  });

  it('gives the ids of the library where two paths differ by rounding only', () => {
    const repeated = fc.tuple(fc.stringMatching(/^[a-eA-E]{3,9}$/), fc.integer({ min: 2, max: 6 }));
    const texts = fc.sample(repeated, { seed: 4, numRuns: 2000 }).map(([part, times]) => part.repeat(times));
    expect(textsThatDiffer(json, texts).different).toEqual([]);
  });
});
