import { join } from 'node:path';
import { type Bundle, writeBundle } from '#libs/model';
import { confusionMatrixSvg, modelCard } from '#libs/registry';
import type { Evaluated } from './evaluate-version.ts';
import type { Gate } from './gates.ts';
import type { Lineage } from './lineage.ts';
import type { Trained } from './train.ts';
import type { TrainingData } from './training-data.ts';

export interface VersionParts {
  model: string;
  /** `model@version` of the champion. */
  championName: string | undefined;
  data: TrainingData;
  trained: Trained;
  evaluated: Evaluated;
  gates: readonly Gate[];
  lineage: Lineage;
}

/** Writes the bundle of a version into a folder. Nothing of it depends on when or where: same data and seed, same bytes. */
export function writeVersion(folder: string, parts: VersionParts): Promise<Bundle> {
  const { model, trained, evaluated, lineage } = parts;
  const { labels, input, output, temperature, goldenTexts } = trained.facts;
  const manifest = { model, labels, input, output, goldenTexts, temperature, trainer: lineage.trainer };
  return writeBundle(join(folder, 'bundle'), manifest, {
    'model.onnx': trained.onnx,
    ...(trained.tokenizer === undefined ? {} : { 'tokenizer.json': trained.tokenizer }),
    'metrics.json': json({
      evaluation: evaluated.evaluation,
      confusionMatrix: evaluated.matrix,
      champion: evaluated.champion?.evaluation ?? null,
      comparison: evaluated.champion?.comparison ?? null,
      recent: evaluated.recent ?? null,
    }),
    'confusion-matrix.svg': confusionMatrixSvg(evaluated.matrix.labels, evaluated.matrix.counts),
    'lineage.json': json(lineage),
    'README.md': card(parts),
  });
}

function card({ model, championName, data, trained, evaluated, gates, lineage }: VersionParts): string {
  const { labels, input, blank } = trained.facts;
  const classes: Record<string, number> = {};
  for (const { label } of data.training) classes[label] = (classes[label] ?? 0) + 1;
  const { champion } = evaluated;
  return modelCard({
    model,
    labels,
    trainer: lineage.trainer,
    input,
    encoder: trained.encoder,
    data: {
      digest: lineage.snapshot.digest,
      texts: data.training.length + data.holdout.length,
      training: data.training.length,
      holdout: data.holdout.length,
      classes,
    },
    evaluation: evaluated.evaluation,
    champion: champion === undefined ? null : { name: championName ?? 'champion', ...champion.evaluation },
    confusionMatrix: evaluated.matrix,
    gates,
    lineage,
    limits: blank === 0 ? [] : [`${blank} blank texts were left out of training.`],
  });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
