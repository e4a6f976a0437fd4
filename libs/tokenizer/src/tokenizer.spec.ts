import { describe, expect, it } from 'vitest';
import { firstDifference } from './self-check.ts';
import { loadTokenizer } from './tokenizer.ts';

const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
const sequence = { Sequence: { id: 'A', type_id: 0 } };
const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });

const wordPiece = {
  added_tokens: [special(0, '[UNK]'), special(1, '[CLS]'), special(2, '[SEP]')],
  normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'TemplateProcessing', single: [token('[CLS]'), sequence, token('[SEP]')] },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    vocab: { '[UNK]': 0, '[CLS]': 1, '[SEP]': 2, un: 3, '##aff': 4, '##able': 5, '!': 6, a: 7 },
  },
};
const unigram = {
  added_tokens: [special(0, '<unk>'), special(1, '<s>')],
  normalizer: { type: 'NFKC' },
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  post_processor: null,
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['<unk>', 0],
      ['<s>', 0],
      ['▁', -2],
      ['▁ab', -3],
      ['a', -4],
      ['b', -4],
      ['<0xC3>', -9],
      ['<0xA9>', -9],
    ],
  },
};
const load = (file: object) => loadTokenizer(JSON.stringify(file));
const ids = (file: object, text: string, maximum = 100) => [...load(file).encode(text, maximum).ids];

describe('loadTokenizer', () => {
  it('reads WordPiece', () => {
    expect(load(wordPiece)).toMatchObject({ path: 'fast', reason: undefined, specialTokens: 2, largestId: 7 });
    expect(ids(wordPiece, 'Unaffable!')).toEqual([1, 3, 4, 5, 6, 2]);
    expect(ids(wordPiece, 'un unx [SEP] Á')).toEqual([1, 3, 0, 2, 7, 2]);
    expect(ids(wordPiece, '')).toEqual([1, 2]);
  });

  it('reads Unigram: the most probable path, one token for a run of unknown characters', () => {
    expect(load(unigram)).toMatchObject({ path: 'fast', specialTokens: 0, largestId: 7 });
    expect(ids(unigram, 'ab ba')).toEqual([3, 2, 5, 4]);
    expect(ids(unigram, 'axyzb')).toEqual([2, 4, 0, 5]);
  });

  it('gives the bytes of unknown characters where the model has them, and the unknown token where it has not', () => {
    const file = { ...unigram, model: { ...unigram.model, byte_fallback: true } };
    expect(load(file).path).toBe('fast');
    expect(ids(file, 'aé')).toEqual([2, 4, 6, 7]);
    expect(ids(file, 'aè')).toEqual([2, 4, 0]);
  });

  it('keeps the head of a long text and the special tokens, and says that it was cut', () => {
    const tokenizer = load(wordPiece);
    const encode = (text: string, maximum: number) => tokenizer.encode(text, maximum);
    expect(encode('a a a', 5)).toEqual({ ids: Int32Array.of(1, 7, 7, 7, 2), truncated: false });
    expect(encode('a a a a', 5)).toEqual({ ids: Int32Array.of(1, 7, 7, 7, 2), truncated: true });
    expect(encode('unaffable', 4)).toEqual({ ids: Int32Array.of(1, 3, 4, 2), truncated: true });
    expect(() => encode('a', 2)).toThrow('2 tokens leave no room for a text');
  });

  it.each([
    [
      'another model',
      { ...wordPiece, model: { ...wordPiece.model, type: 'BPE', vocab: { a: 0 }, merges: [] } },
      'model BPE',
    ],
    ['another pre-tokeniser', { ...wordPiece, pre_tokenizer: { type: 'Whitespace' } }, 'pre-tokeniser Whitespace'],
    ['another normaliser', { ...wordPiece, normalizer: { type: 'Lowercase' } }, 'normaliser Lowercase'],
    [
      'options of other types',
      { ...wordPiece, normalizer: { ...wordPiece.normalizer, lowercase: null } },
      'options of BertNormalizer',
    ],
    ['a piece twice', { ...unigram, model: { ...unigram.model, vocab: [...unigram.model.vocab, ['a', -3]] } }, 'twice'],
    [
      'digits cut off',
      { ...unigram, pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits' }, unigram.pre_tokenizer] } },
      'pre-tokeniser Sequence',
    ],
  ])('falls back to the library for %s, and says why', (_name, file, reason) => {
    const tokenizer = load({ ...file, post_processor: null });
    expect(tokenizer).toMatchObject({ path: 'library', reason: expect.stringContaining(reason) });
    expect(tokenizer.encode('a a a a', 2).truncated).toBe(true);
    expect(tokenizer.encode('a a a a', 2).ids).toHaveLength(2);
  });

  it.each([
    ['no JSON', '{', 'is not JSON'],
    ['no tokenizer', '{}', 'model'],
    [
      'a vocabulary of something else',
      { ...wordPiece, model: { ...wordPiece.model, vocab: { a: -1 } } },
      'every entry is a piece',
    ],
    [
      'a special token that is not there',
      { ...wordPiece, post_processor: { type: 'TemplateProcessing', single: [token('[X]'), sequence] } },
      '[X] is not in the vocabulary',
    ],
    [
      'a template without the text',
      { ...wordPiece, post_processor: { type: 'TemplateProcessing', single: [token('[SEP]')] } },
      'must hold the text once',
    ],
    [
      'token types',
      { ...wordPiece, post_processor: { type: 'TemplateProcessing', single: [{ Sequence: { id: 'A', type_id: 1 } }] } },
      'token types other than 0',
    ],
    [
      'an unknown post-processor',
      { ...wordPiece, post_processor: { type: 'Other' } },
      'post-processor Other is not supported',
    ],
    ['an unknown normaliser', { ...wordPiece, normalizer: { type: 'Other' } }, 'Unknown Normalizer type: Other'],
    [
      'special tokens without an id',
      { ...wordPiece, post_processor: { type: 'BertProcessing', cls: '[CLS]' } },
      'post-processor BertProcessing must name cls and sep, each as [token, id]',
    ],
    [
      'a sequence of nothing known',
      { ...wordPiece, post_processor: { type: 'Sequence', processors: [1] } },
      'a Sequence must hold processors, each with a type',
    ],
    [
      'an unknown token that is no piece',
      { ...unigram, model: { ...unigram.model, unk_id: 8 } },
      'model.unk_id 8 is no place in the vocabulary',
    ],
  ])('refuses %s in a sentence', (_name, file, sentence) => {
    const loading = () => loadTokenizer(typeof file === 'string' ? file : JSON.stringify(file));
    expect(loading).toThrow(sentence);
    expect(loading).not.toThrow('\n');
  });
});

describe('firstDifference', () => {
  it('names the text that is answered differently', () => {
    const reference = (text: string) => Int32Array.from(text, (character) => character.codePointAt(0) ?? 0);
    expect(firstDifference(reference, reference)).toBeUndefined();
    expect(firstDifference((text) => reference(text.normalize('NFC')), reference)).toContain('e\u0301');
    expect(firstDifference((text) => reference(text).subarray(1), reference)).toBe(' ');
  });
});
