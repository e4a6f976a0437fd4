import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scoreTexts, trainClassifier, writeOnnx } from '#libs/classifier';
import { evaluatePredictions } from '#libs/evaluation';
import { type Bundle, classifyWith, hostModel, ModelHost, readBundle, writeBundle } from '#libs/model';
import { loadConfig, milliseconds } from '#libs/platform';
import { somaliScript } from '../../apps/standalone/src/streams/somali.ts';
import { temporaryFolder } from '../../libs/model/src/testing/test-bundle.ts';

const { gates } = loadConfig({ env: {} }).config.retraining;
const { trainingSet } = somaliScript();
/** Whole articles are held out: no text of them is trained on in any language. */
const groups = [...new Set(trainingSet.map(({ group }) => group))].toSorted();
const heldOut = new Set(groups.filter((_, i) => i % 4 === 0));
const training = trainingSet.filter(({ group }) => !heldOut.has(group));
const holdout = trainingSet.filter(({ group }) => heldOut.has(group));

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundle: Bundle;
let host: ModelHost;

/** Trains, writes and opens a version as the product does. */
beforeAll(async () => {
  folder = await temporaryFolder();
  bundle = await freshVersion(join(folder.path, 'fresh'));
  host = await ModelHost.open(hostModel(bundle), { executionProviders: ['cpu'], threads: 1 });
});
afterAll(async () => {
  await host.close();
  await folder[Symbol.asyncDispose]();
});

async function freshVersion(directory: string): Promise<Bundle> {
  const classifier = trainClassifier({
    texts: training.map(({ text }) => text),
    labels: training.map(({ label }) => label),
    groups: training.map(({ group }) => group),
    seed: 42,
  });
  const golden = holdout.slice(0, 3).map(({ text }) => text);
  const scores = scoreTexts(classifier, golden);
  const manifest = {
    model: 'somali',
    labels: classifier.labels,
    input: { kind: 'utf16' as const, maximumCharacters: classifier.maximumCharacters },
    goldenTexts: golden.map((text, i) => ({ text, probabilities: [...(scores[i] ?? [])] })),
    temperature: classifier.temperature,
    trainer: 'test',
  };
  return await writeBundle(directory, manifest, { 'model.onnx': writeOnnx(classifier) });
}

describe('a freshly trained version', () => {
  it('reaches the minimum accuracy and recall on articles it has never seen', async () => {
    const answers = await classifyWith(
      host,
      bundle.manifest,
      holdout.map(({ text }) => text),
    );
    const rows = holdout.map(({ label }, i) => ({ actual: label, predicted: answers[i]?.label ?? '' }));
    const { accuracy, macroF1, classes } = evaluatePredictions(rows, { resamples: 100, seed: 1 });
    expect(holdout.length).toBeGreaterThan(100);
    expect(accuracy.lower).toBeGreaterThan(gates.minimumAccuracy);
    expect(macroF1.value).toBeGreaterThan(gates.minimumMacroF1);
    for (const { recall } of classes) expect(recall.value).toBeGreaterThan(gates.minimumRecall);
  });

  it('answers a text of any length in less than the latency gate allows', async () => {
    const texts = [...holdout.slice(0, 50).map(({ text }) => text), 'x'.repeat(100_000)];
    for (const text of texts) {
      const started = performance.now();
      await host.classify([text]);
      expect(performance.now() - started).toBeLessThan(milliseconds(gates.maximumLatency));
    }
  });

  it('gives a label of its list and a probability for each, summing to one', async () => {
    const { labels } = bundle.manifest;
    const answers = await classifyWith(host, { labels }, ['', '🙂', ...holdout.slice(0, 200).map(({ text }) => text)]);
    for (const { label, confidence, probabilities } of answers) {
      expect(labels).toContain(label);
      expect(probabilities).toHaveLength(labels.length);
      expect(probabilities.every((probability) => probability >= 0 && probability <= 1)).toBe(true);
      expect(probabilities.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1, 5);
      expect(confidence).toBe(Math.max(...probabilities));
    }
  });

  it('is the same to the byte when it is trained again', async () => {
    const again = await freshVersion(join(folder.path, 'again'));
    expect(again.digest).toBe(bundle.digest);
    expect((await readBundle(again.directory, bundle.digest)).manifest).toStrictEqual(bundle.manifest);
  });
});
