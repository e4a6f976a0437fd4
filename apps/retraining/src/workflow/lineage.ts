import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Encoder } from '#libs/embedded';
import type { RetrainingRequest } from '#libs/events';
import type { Configuration } from '#libs/platform';
import { type Gate, gateNames } from './gates.ts';
import type { Snapshot } from './snapshot.ts';

const require = createRequire(import.meta.url);
/** What decides the bytes of a version besides our own code. */
const packages = ['onnxruntime-node', 'onnx-buf'];
/** What decides what an encoder gives for a text. */
const encoderPackages = ['onnxruntime-node', '@huggingface/tokenizers'];

/** Where a version comes from, as far as its bytes depend on it: the same lineage gives the same bundle. */
export interface Lineage {
  trainer: string;
  seed: number;
  snapshot: { digest: string; datasets: readonly string[] };
  split: { holdoutShare: number; groupAttribute: string };
  packages: Record<string, string>;
  /** The frozen encoder that a head was trained on; null: n-grams. */
  encoder: { name: string; digest: string } | null;
}

/** Names of the built-in trainers; another name promises other bytes. */
const trainers = { ngrams: 'tidemill character n-grams 1', head: 'tidemill head on embeddings 1' };

export async function lineageOf(
  snapshot: Snapshot,
  config: Configuration['retraining'],
  encoder: Encoder | undefined,
): Promise<Lineage> {
  const { seed, holdoutShare, groupAttribute } = config;
  const needed = encoder === undefined ? packages : [...packages, ...encoderPackages];
  return {
    trainer: encoder === undefined ? trainers.ngrams : trainers.head,
    seed,
    snapshot: { digest: snapshot.digest, datasets: snapshot.datasets },
    split: { holdoutShare, groupAttribute },
    packages: await versionsOf(needed),
    encoder: encoder === undefined ? null : { name: encoder.name, digest: encoder.digest },
  };
}

/** What the registry keeps besides: who asked, which offsets, which code and configuration, what the gates said. */
export async function registryLineage(
  lineage: Lineage,
  of: { request: RetrainingRequest; snapshot: Snapshot; gates: readonly Gate[]; config: Configuration },
) {
  const { id, policy, requestedBy, reason } = of.request;
  const { gates, triggers, coolDown } = of.config.retraining;
  return {
    ...lineage,
    snapshot: { ...lineage.snapshot, labelCutOff: of.snapshot.labelCutOff, labels: of.snapshot.offsets },
    request: { id, policy, requestedBy, reason },
    code: { commit: await commit() },
    configuration: { gates, triggers, coolDown },
    gates: of.gates,
  };
}

export type RegistryLineage = Awaited<ReturnType<typeof registryLineage>>;

const gateSchema = z.object({
  name: z.enum(gateNames),
  passed: z.boolean(),
  value: z.number(),
  limit: z.number(),
  detail: z.string(),
});

/** What the quality gates said of a registered version. @throws when the lineage is not of this workflow's making */
export function qualityGatesOf(lineage: unknown): Gate[] {
  return z.object({ gates: z.array(gateSchema) }).parse(lineage).gates;
}

/** Name of the encoder that a version's head was trained on; undefined: none. */
export function encoderOf(lineage: unknown): string | undefined {
  const known = z.object({ encoder: z.object({ name: z.string() }) }).safeParse(lineage);
  return known.success ? known.data.encoder.name : undefined;
}

/** Event time up to which a version knew labels; 0 where that is not known, as with an imported version. */
export function labelCutOffOf(lineage: unknown): number {
  const known = z.object({ snapshot: z.object({ labelCutOff: z.number() }) }).safeParse(lineage);
  return known.success ? known.data.snapshot.labelCutOff : 0;
}

/** Versions of the packages that decide what an encoder gives for a text. */
export function encoderRuntime(): Promise<Record<string, string>> {
  return versionsOf(encoderPackages);
}

async function versionsOf(names: readonly string[]): Promise<Record<string, string>> {
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await versionOf(name)] as const)));
}

async function versionOf(name: string): Promise<string> {
  // Not `name/package.json`: packages may hide it.
  for (let folder = require.resolve(name); folder.includes(name); folder = folder.slice(0, folder.lastIndexOf('/'))) {
    const json = await readFile(`${folder}/package.json`, 'utf8').catch(() => undefined);
    const found: unknown = json === undefined ? undefined : JSON.parse(json);
    if (isPackage(found) && found.name === name) return found.version;
  }
  return 'unknown';
}

function isPackage(value: unknown): value is { name: string; version: string } {
  return typeof value === 'object' && value !== null && 'name' in value && 'version' in value;
}

/** Commit of the code that runs; null outside a clone. */
async function commit(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', 'HEAD'], { cwd: import.meta.dirname });
    return stdout.trim();
  } catch {
    return null;
  }
}
