import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Encoder } from '#libs/embedded';
import { embeddingDimension, type HostModel, type HostOptions, ModelHost, pooledEncoder, sha256 } from '#libs/model';
import { EmbeddingCache } from './embedding-cache.ts';
import { encoderRuntime } from './lineage.ts';

export interface Embedded {
  /** The encoder's graph, to which a head is appended. */
  pooled: Uint8Array;
  input: HostModel['input'];
  /** float32 [texts, dimension], row-major, in the order of the texts. */
  embeddings: Float32Array;
  dimension: number;
}

export interface EmbedOptions {
  /** For the graph that is run; emptied by the caller. */
  folder: string;
  cacheFolder: string;
  host: HostOptions;
  onProgress: (share: number, detail: string) => void;
}

/** Texts between two lines of progress, and between two writes to the cache. */
const textsAtOnce = 64;

/** What the encoder gives for each text, in the host process and with the token ids that will serve; known ones from the cache. */
export async function embedTexts(
  encoder: Encoder,
  texts: readonly string[],
  { folder, cacheFolder, host: hostOptions, onProgress }: EmbedOptions,
): Promise<Embedded> {
  const pooled = pooledEncoder(await readFile(encoder.modelPath));
  const dimension = embeddingDimension(pooled);
  const modelPath = join(folder, 'model.onnx');
  await writeFile(modelPath, pooled);
  await copyFile(encoder.tokenizerPath, join(folder, 'tokenizer.json'));
  const input: HostModel['input'] = {
    kind: 'tokens',
    maximumTokens: encoder.maximumTokens,
    inputs: ['input_ids', 'attention_mask', 'token_type_ids'],
    padTokenId: 0,
    // Its int8 products measure their scale over a run: run together, texts would change each other's answers.
    alone: true,
  };
  const madeBy = sha256(JSON.stringify([encoder.digest, await encoderRuntime()]));
  const cache = await EmbeddingCache.open(cacheFolder, { encoder: madeBy, dimension, texts });
  const missing = [...new Set(texts.filter((text) => cache.get(text) === undefined))];
  if (missing.length > 0) {
    const model: HostModel = { modelPath, labels: [], input, output: 'embeddings', temperature: 1, goldenTexts: [] };
    await using host = await ModelHost.open(model, hostOptions);
    for (let from = 0; from < missing.length; from += textsAtOnce) {
      hostOptions.signal?.throwIfAborted();
      const some = missing.slice(from, from + textsAtOnce);
      const { embeddings } = await host.embed(some);
      await cache.add(some, embeddings);
      const done = from + some.length;
      onProgress(done / missing.length, `${done} of ${missing.length} new texts encoded by ${encoder.name}`);
    }
  }
  const embeddings = new Float32Array(texts.length * dimension);
  for (const [row, text] of texts.entries()) embeddings.set(cache.get(text) ?? [], row * dimension);
  return { pooled, input, embeddings, dimension };
}
