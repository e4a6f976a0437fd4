import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const artifactSchema = z.object({
  group: z.string(),
  artifact: z.string(),
  version: z.string(),
  classifier: z.string().optional(),
  extension: z.string(),
  size: z.number(),
  sha512: z.string(),
});
/** One file of a Maven repository, pinned to its bytes. */
export type Artifact = z.infer<typeof artifactSchema>;

const lockSchema = z.object({
  kafka: z.array(artifactSchema),
  'apicurio-java21': z.array(artifactSchema),
  'apicurio-java17': z.array(artifactSchema),
  'encoder-minilm': z.array(artifactSchema),
});
export type ArtifactLock = z.infer<typeof lockSchema>;

/** What libs/embedded/scripts/lock.ts wrote. */
export async function readArtifactLock(): Promise<ArtifactLock> {
  return lockSchema.parse(JSON.parse(await readFile(join(import.meta.dirname, 'artifacts.lock.json'), 'utf8')));
}

/** Changes with any byte of any artifact, so that folders named by it never mix versions. */
export function lockDigest(artifacts: readonly Artifact[]): string {
  const hash = createHash('sha256');
  for (const { sha512 } of artifacts) hash.update(`${sha512}\n`);
  return hash.digest('hex').slice(0, 12);
}

export function fileName({ artifact, version, classifier, extension }: Artifact): string {
  return `${artifact}-${version}${classifier === undefined ? '' : `-${classifier}`}.${extension}`;
}
