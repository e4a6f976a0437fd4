import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scoreTexts, type TrainedClassifier, trainClassifier, writeOnnx } from '#libs/classifier';
import { type Bundle, writeBundle } from '../bundle.ts';

/** Words of a made-up language for each class; `variant` changes them, and with them every weight. */
function wordsOf(label: string, variant: number): string[] {
  return Array.from({ length: 12 }, (_, i) => `${label}${'aeiou'[(i + variant) % 5] ?? ''}${(i * 7 + variant) % 10}`);
}

/** A text of a class that `trainTestClassifier` knows. */
export function testText(label: string, index: number, variant = 0): string {
  const words = wordsOf(label, variant);
  return [0, 1, 2, 3].map((k) => words[(index * 5 + k * 3) % words.length] ?? '').join(' ');
}

/** Trains on texts nobody would confuse; another `variant` gives another model. */
export function trainTestClassifier(labels: readonly string[] = ['north', 'south'], variant = 0): TrainedClassifier {
  const rows = labels.flatMap((label) =>
    Array.from({ length: 40 }, (_, i) => ({ label, text: testText(label, i, variant) })),
  );
  return trainClassifier({ texts: rows.map(({ text }) => text), labels: rows.map(({ label }) => label), seed: 1 });
}

/** Writes a real, small bundle into a folder. */
export async function writeTestBundle(
  directory: string,
  { labels, variant = 0, model = 'test' }: { labels?: readonly string[]; variant?: number; model?: string } = {},
): Promise<Bundle> {
  const classifier = trainTestClassifier(labels, variant);
  const golden = [testText('north', 1), 'x'.repeat(classifier.maximumCharacters), ''];
  const scores = scoreTexts(classifier, golden);
  const manifest = {
    model,
    labels: classifier.labels,
    input: { kind: 'utf16' as const, maximumCharacters: classifier.maximumCharacters },
    goldenTexts: golden.map((text, i) => ({ text, probabilities: [...(scores[i] ?? [])] })),
    temperature: classifier.temperature,
    trainer: 'test',
  };
  return await writeBundle(directory, manifest, { 'model.onnx': writeOnnx(classifier) });
}

/** A folder that is gone afterwards. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'tidemill-model-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
