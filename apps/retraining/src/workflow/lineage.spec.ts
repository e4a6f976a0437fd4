import { expect, it } from 'vitest';
import { loadConfig } from '#libs/platform';
import { lineageOf } from './lineage.ts';

it('names the packages that decide the bytes, of a head also what makes token ids', async () => {
  const { retraining } = loadConfig({ env: {} }).config;
  const snapshot = { digest: 'd', datasets: [], texts: [], labelCutOff: 0, offsets: [] };
  const encoder = { name: 'minilm', description: '', licence: '', digest: 'e', modelPath: '', tokenizerPath: '' };
  const version = expect.stringMatching(/^\d+\.\d+\.\d+/);
  const ngrams = { 'onnxruntime-node': version, 'onnx-buf': version };
  expect((await lineageOf(snapshot, retraining, undefined)).packages).toEqual(ngrams);
  const head = await lineageOf(snapshot, retraining, { ...encoder, maximumTokens: 256 });
  expect(head.packages).toEqual({ ...ngrams, '@huggingface/tokenizers': version });
});
