import { join } from 'node:path';
import type { ModelVersion, Text } from '#libs/events';
import { scoreTexts, trainClassifier, writeOnnx } from '#libs/classifier';
import { type Bundle, readBundle, writeBundle } from '#libs/model';
import { ArtifactStore } from '#libs/registry';
import { somaliScript } from '../../apps/standalone/src/streams/somali.ts';
import { playThrough } from '../../apps/standalone/src/streams/testing/play-through.ts';
import { type AppProcess, startApp } from '../support/app-process.ts';
import { type TestStream, testKafka } from '../support/stream.ts';
import { versionEvent } from '../../libs/model/src/testing/version-event.ts';

export const model = 'somali';

/** The built-in model as the somali stream trains it, in the store of a data directory. */
export async function storeModel(dataDirectory: string, seed = 42): Promise<Bundle> {
  const { trainingSet } = somaliScript();
  const classifier = trainClassifier({
    texts: trainingSet.map(({ text }) => text),
    labels: trainingSet.map(({ label }) => label),
    groups: trainingSet.map(({ group }) => group),
    seed,
  });
  const golden = [trainingSet[0]?.text ?? '', 'x'.repeat(classifier.maximumCharacters)];
  const scores = scoreTexts(classifier, golden);
  const directory = join(dataDirectory, `model-${seed}`);
  const manifest = {
    model,
    labels: classifier.labels,
    input: { kind: 'utf16' as const, maximumCharacters: classifier.maximumCharacters },
    goldenTexts: golden.map((text, i) => ({ text, probabilities: [...(scores[i] ?? [])] })),
    temperature: classifier.temperature,
    trainer: 'bench',
  };
  const { digest } = await writeBundle(directory, manifest, { 'model.onnx': writeOnnx(classifier) });
  const store = new ArtifactStore(join(dataDirectory, 'artifacts'));
  await store.addBundle(directory, digest);
  return await readBundle(store.bundleDirectory(digest) ?? '', digest);
}

/** Real texts, some 60 characters each. */
export function realTexts(): string[] {
  return playThrough(somaliScript(), 9).flatMap(({ texts }) => texts.map(({ text }) => text));
}

/** Records of topic texts. */
export function textRecords(from: number, count: number): { key: string; value: Text }[] {
  return Array.from({ length: count }, (_, i) => textRecord(from + i));
}

function textRecord(index: number): { key: string; value: Text } {
  texts ??= realTexts();
  const text = texts[index % texts.length] ?? '';
  const id = `t${index}`;
  return { key: id, value: { id, model, text, occurredAt: index, source: 'bench', attributes: {} } };
}
let texts: string[] | undefined;

export function promotion(bundle: Bundle, epoch: number): ModelVersion {
  return versionEvent({ model, version: epoch, bundleDigest: bundle.digest });
}

/** Two versions of the model, promoted in turns. */
export async function versionsInTurns({ stream }: TestStream, dataDirectory: string) {
  const bundles = [await storeModel(dataDirectory, 1), await storeModel(dataDirectory, 2)];
  const producer = stream.producer();
  let epoch = 0;
  return {
    bundles,
    epoch: () => epoch,
    promote: async () => {
      const bundle = bundles[epoch % 2];
      if (bundle === undefined) return;
      await producer.send('model-versions', [{ key: model, value: promotion(bundle, ++epoch) }]);
    },
  };
}

export function startInference(
  { topicPrefix }: TestStream,
  dataDirectory: string,
  more: Readonly<Record<string, string>> = {},
): AppProcess {
  const { brokers, registryUrl } = testKafka();
  return startApp('inference', {
    TIDEMILL__KAFKA__BROKERS: brokers.join(','),
    TIDEMILL__KAFKA__TOPICPREFIX: topicPrefix,
    TIDEMILL__SCHEMAREGISTRY__URL: registryUrl,
    TIDEMILL__DATADIRECTORY: dataDirectory,
    TIDEMILL__INFERENCE__PORT: '0',
    TIDEMILL__INFERENCE__INSTANCE: 'bench',
    ...more,
  });
}
