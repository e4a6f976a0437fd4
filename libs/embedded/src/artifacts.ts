import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { embeddedError } from './errors.ts';
import { fetchFile } from './fetch-file.ts';
import { artifactPath, type MavenRepository } from './maven-repository.ts';

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

export interface FetchOptions {
  repository: MavenRepository;
  onProgress: (text: string) => void;
}

const parallel = 6;

/**
 * Brings every artifact into the folder under its file name, each with the locked digest: those that are there already
 * are verified, the others fetched.
 * @throws TidemillError ARTIFACT_UNREACHABLE, ARTIFACT_ALTERED
 */
export async function ensureArtifacts(artifacts: readonly Artifact[], folder: string, options: FetchOptions) {
  await mkdir(folder, { recursive: true });
  const missing: Artifact[] = [];
  for (const artifact of artifacts)
    if (!(await intact(artifact, join(folder, fileName(artifact))))) missing.push(artifact);
  const total = missing.reduce((sum, { size }) => sum + size, 0);
  const positions = new Map<Artifact, number>();
  let said = '';
  const onPosition = (artifact: Artifact, bytes: number) => {
    positions.set(artifact, bytes);
    const fetched = [...positions.values()].reduce((sum, position) => sum + position, 0);
    const text = `fetching ${megabytes(fetched)} of ${megabytes(total)} MB from ${options.repository.name}`;
    if (text !== said) options.onProgress(text);
    said = text;
  };
  const queue = missing.values();
  const work = async () => {
    for (const artifact of queue) await fetchArtifact(artifact, folder, { repository: options.repository, onPosition });
  };
  await Promise.all(Array.from({ length: parallel }, work));
}

interface FetchArtifactOptions {
  repository: MavenRepository;
  onPosition: (artifact: Artifact, bytes: number) => void;
}

async function fetchArtifact(artifact: Artifact, folder: string, { repository, onPosition }: FetchArtifactOptions) {
  const { sha512, size } = artifact;
  const url = new URL(artifactPath(artifact), repository.url);
  const result = await fetchFile({
    url,
    headers: repository.headers,
    target: join(folder, fileName(artifact)),
    size,
    matches: async (path) => (await sha512Of(path)) === sha512,
    onPosition: (bytes) => onPosition(artifact, bytes),
  });
  if (result !== 'fetched') {
    throw embeddedError(result.code, { detail: `${url.href}: ${result.reason}`, cause: result.cause });
  }
}

export function fileName({ artifact, version, classifier, extension }: Artifact): string {
  return `${artifact}-${version}${classifier === undefined ? '' : `-${classifier}`}.${extension}`;
}

async function intact({ size, sha512 }: Artifact, path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return false;
  if (found.size === size && (await sha512Of(path)) === sha512) return true;
  await rm(path);
  return false;
}

async function sha512Of(path: string): Promise<string> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
