import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Artifact, fileName } from './artifact-lock.ts';
import { embeddedError } from './errors.ts';
import { fetchFile } from './fetch-file.ts';
import { artifactPath, type MavenRepository } from './maven-repository.ts';

export interface FetchOptions {
  repository: MavenRepository;
  onProgress: (text: string) => void;
  /** When it is aborted, nothing more is fetched. */
  signal?: AbortSignal | undefined;
}

const parallel = 6;

/**
 * Brings every artifact into the folder under its file name, each with the locked digest: those that are there already
 * are verified, the others fetched.
 * @throws TidemillError ARTIFACT_UNREACHABLE, ARTIFACT_ALTERED; what the signal brings when it is aborted
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
    for (const artifact of queue) await fetchArtifact(artifact, folder, { ...options, onPosition });
  };
  await Promise.all(Array.from({ length: parallel }, work));
}

interface FetchArtifactOptions extends Pick<FetchOptions, 'repository' | 'signal'> {
  onPosition: (artifact: Artifact, bytes: number) => void;
}

async function fetchArtifact(artifact: Artifact, folder: string, options: FetchArtifactOptions) {
  const { repository, signal, onPosition } = options;
  const { sha512, size } = artifact;
  const url = new URL(artifactPath(artifact), repository.url);
  const result = await fetchFile({
    url,
    headers: repository.headers,
    target: join(folder, fileName(artifact)),
    size,
    matches: async (path) => (await digestOf(path, 'sha512')) === sha512,
    onPosition: (bytes) => onPosition(artifact, bytes),
    signal,
  });
  if (result !== 'fetched') {
    throw embeddedError(result.code, { detail: `${url.href}: ${result.reason}`, cause: result.cause });
  }
}

async function intact({ size, sha512 }: Artifact, path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return false;
  if (found.size === size && (await digestOf(path, 'sha512')) === sha512) return true;
  await rm(path);
  return false;
}

/** In parts; nothing is held. */
export async function digestOf(path: string, algorithm: 'sha256' | 'sha512'): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
