import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, parseManifest, readBundle } from './bundle.ts';
import { hostModel, ModelHost } from './model-host.ts';
import { temporaryFolder } from './testing/test-bundle.ts';
import {
  expectedProbabilities,
  testTokenizerJson,
  testVocabulary,
  transformerGraph,
  writeTokensBundle,
} from './testing/test-transformer.ts';

const options = { executionProviders: ['cpu'], threads: 1 };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundle: Bundle;
beforeAll(async () => {
  folder = await temporaryFolder();
  bundle = await writeTokensBundle(join(folder.path, 'bundle'));
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('a bundle of kind tokens', () => {
  it('answers each text as its tokens say, in any company, and flags what was cut', async () => {
    await using host = await ModelHost.open(hostModel(await readBundle(bundle.directory, bundle.digest)), options);
    expect(host.tokenizerFallback).toBeUndefined();
    // Enough of very different lengths for several runs, with padding.
    const words = Array.from({ length: 700 }, (_, i) =>
      Array.from({ length: i % 14 }, (_part, k) => 'abc'[(i + k) % 3]),
    );
    const { probabilities, truncated } = await host.classify(words.map((word) => word.join(' ')));
    for (const [row, word] of words.entries()) {
      const ids = [2, ...word.slice(0, 10).map((letter) => 4 + 'abc'.indexOf(letter ?? '')), 3];
      const expected = expectedProbabilities(ids, 3);
      for (const [i, probability] of expected.entries()) expect(probabilities[row * 3 + i]).toBeCloseTo(probability, 5);
      expect(truncated[row]).toBe(word.length > 10 ? 1 : 0);
    }
  });

  it('survives whatever people send', async () => {
    await using host = await ModelHost.open(hostModel(bundle), options);
    const texts = ['', ' ', '\0', '\uD800', '🙂', 'ا日я', 'a'.repeat(100_000), '[CLS][SEP][PAD]'];
    const { probabilities } = await host.classify(texts);
    for (let row = 0; row < texts.length; row++)
      expect([...probabilities.subarray(row * 3, row * 3 + 3)].reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
  });

  it('gives the same bytes in any company when each text is run alone', async () => {
    const alone = await writeTokensBundle(join(folder.path, 'alone'), { input: { alone: true } });
    await using host = await ModelHost.open(hostModel(alone), options);
    const texts = ['a', 'b c a', '', 'c c c c c c'];
    const together = await host.classify(texts);
    for (const [row, text] of texts.entries()) {
      const { probabilities } = await host.classify([text]);
      expect([...probabilities]).toStrictEqual([...together.probabilities.subarray(row * 3, row * 3 + 3)]);
    }
  });

  it('gives vectors where it is an encoder', async () => {
    const modelPath = join(folder.path, 'encoder', 'model.onnx');
    await writeTokensBundle(join(folder.path, 'encoder'));
    await writeFile(modelPath, transformerGraph({ vocabulary: testVocabulary, labels: 3, embeddings: true }));
    const encoder = { ...hostModel(bundle), modelPath, labels: [], goldenTexts: [], output: 'embeddings' as const };
    await using host = await ModelHost.open(encoder, options);
    const { embeddings, dimension, truncated } = await host.embed(['a', 'a b', 'a'.repeat(50)]);
    expect(dimension).toBe(8);
    expect([...embeddings.subarray(0, 8)]).not.toEqual([...embeddings.subarray(8, 16)]);
    expect([...truncated]).toEqual([0, 0, 1]);
  });

  it('is refused by the host when its tokenizer is none', async () => {
    const broken = await writeTokensBundle(join(folder.path, 'no-tokenizer'));
    await writeFile(join(broken.directory, 'tokenizer.json'), '{');
    await expect(ModelHost.open(hostModel(broken), options)).rejects.toMatchObject({
      code: 'MODEL_REFUSED',
      message: expect.stringContaining('tokenizer.json is not JSON'),
    });
  });

  it('says why its token ids come from the library', async () => {
    const slow = await writeTokensBundle(join(folder.path, 'slow'));
    const json = testTokenizerJson().replace('BertPreTokenizer', 'Whitespace');
    await writeFile(join(slow.directory, 'tokenizer.json'), json);
    await using host = await ModelHost.open({ ...hostModel(slow), goldenTexts: [] }, options);
    expect(host.tokenizerFallback).toContain('pre-tokeniser Whitespace');
  });

  it('says which field of its manifest is wrong', () => {
    const wrong = (input: object) => () =>
      parseManifest(JSON.stringify({ ...bundle.manifest, input: { ...bundle.manifest.input, ...input } }));
    expect(wrong({ inputs: ['input_ids'] })).toThrow('inputs must be distinct and hold input_ids and attention_mask');
    expect(wrong({ inputs: ['input_ids', 'attention_mask', 'pixel_values'] })).toThrow('input.inputs.2');
    expect(wrong({ maximumTokens: 2 })).toThrow('input.maximumTokens');
    expect(wrong({ kind: 'bytes' })).toThrow('input.kind');
    const { 'tokenizer.json': _tokenizer, ...files } = bundle.manifest.files;
    expect(() => parseManifest(JSON.stringify({ ...bundle.manifest, files }))).toThrow(
      'files must name tokenizer.json',
    );
  });
});
