import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Brings a distribution of this Java into a new folder below the given one, which exists; returns that folder. */
export type JavaInstaller = (major: number, below: string) => Promise<string>;

const major = 21;

/**
 * The java executable of a Temurin of our own in the cache folder, fetched when it is not there.
 * NOT RUN YET with the real installer: where this was written its server could not be reached.
 */
export async function installJava(
  cacheDirectory: string,
  onProgress: (text: string) => void,
  install: JavaInstaller = temurin,
): Promise<string> {
  const folder = join(cacheDirectory, 'embedded', `java-${major}`);
  const there = await executableBelow(folder);
  if (there !== undefined) return there;
  onProgress(`no Java 17 or newer found: fetching Temurin ${major} for Tidemill alone`);
  await mkdir(join(cacheDirectory, 'embedded'), { recursive: true });
  const fresh = await mkdtemp(`${folder}.`);
  try {
    const installed = await install(major, fresh);
    // Whole or not at all; another process that was quicker has brought the same.
    await rename(installed, folder).catch(async (error: unknown) => {
      if ((await executableBelow(folder)) === undefined) throw error;
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  const executable = await executableBelow(folder);
  if (executable === undefined) throw new Error('what was fetched holds no bin/java');
  return executable;
}

/** The package takes a path whose parent gets the folder; it verifies what it fetches by SHA-256. */
async function temurin(version: number, below: string): Promise<string> {
  const { install } = await import('njre');
  return install(version, { type: 'jre', installPath: join(below, 'here') });
}

async function executableBelow(folder: string): Promise<string | undefined> {
  const files = await readdir(folder, { recursive: true }).catch((): string[] => []);
  const found = files.find((file) => /(^|[/\\])bin[/\\]java(\.exe)?$/.test(file));
  return found === undefined ? undefined : join(folder, found);
}
