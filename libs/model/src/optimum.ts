import { join } from 'node:path';
import { type Bundle, writeManifest } from './bundle.ts';
import { readOptimumApart } from './inspect-apart.ts';
import { type HostOptions, ModelHost } from './model-host.ts';

/**
 * Makes a bundle of an Optimum export for sequence classification, in its own folder: the manifest follows from
 * config.json, tokenizer.json and the graph, which are inspected, and its golden texts are answered by a real host.
 * @throws TidemillError BUNDLE_INVALID or MODEL_REFUSED with what is wrong and what to do; whatever a host throws.
 */
export async function bundleFromOptimum(
  folder: string,
  { model, ...options }: HostOptions & { model: string },
): Promise<Bundle> {
  const { goldenTexts: texts, ...facts } = await readOptimumApart(folder, options);
  const modelPath = join(folder, 'model.onnx');
  await using host = await ModelHost.open({ modelPath, ...facts, goldenTexts: [] }, options);
  const { probabilities } = await host.classify(texts);
  const width = facts.labels.length;
  const goldenTexts = texts.map((text, row) => ({
    text,
    probabilities: [...probabilities.subarray(row * width, (row + 1) * width)],
  }));
  return await writeManifest(folder, { model, ...facts, goldenTexts });
}
