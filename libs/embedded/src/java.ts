import { execFile } from 'node:child_process';
import { readdir, readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Logger, type MachineEnvironment, reasonOf } from '#libs/platform';
import { embeddedError } from './errors.ts';
import { installJava, type JavaInstaller } from './install-java.ts';

export interface Java {
  /** Path of the executable. */
  executable: string;
  /** Major version: 17, 21, … */
  major: number;
  /** As the installation spells it: 17.0.15 */
  version: string;
  /** Where it was found, for people. */
  source: string;
}

const oldest = 17;

/** Folders of installations, and where in each of them the Java home is. */
const systemFolders: readonly Folder[] = [
  ['/usr/lib/jvm', ''],
  ['/usr/java', ''],
  ['/opt/java', ''],
  ['/Library/Java/JavaVirtualMachines', 'Contents/Home'],
  ['/opt/homebrew/opt', 'libexec/openjdk.jdk/Contents/Home'],
  ['/usr/local/opt', 'libexec/openjdk.jdk/Contents/Home'],
];
type Folder = readonly [folder: string, inside: string];

export interface FindJavaOptions {
  logger: Logger;
  onProgress?: ((text: string) => void) | undefined;
  /** Instead of the platform's usual ones. */
  folders?: readonly Folder[];
  /** Instead of fetching a Temurin. */
  install?: JavaInstaller;
}

/**
 * The first Java new enough of: the setting, JAVA_HOME, PATH, the platform's usual folders, our own in the cache, fetched
 * now if need be. A setting that does not hold is an error, whatever else is installed.
 * @throws TidemillError JAVA_HOME_UNUSABLE, JAVA_MISSING with everything that was looked at
 */
export async function findJava(
  configured: string,
  environment: MachineEnvironment,
  { logger, onProgress = () => undefined, folders = systemFolders, install }: FindJavaOptions,
): Promise<Java> {
  if (configured !== '') {
    const java = await inspect(join(configured, 'bin', 'java'), 'java.home');
    if (typeof java === 'string') throw embeddedError('JAVA_HOME_UNUSABLE', { detail: java });
    return chosen(java, logger);
  }
  const refused: string[] = [];
  for await (const { executable, source } of candidates(environment, folders)) {
    const java = await inspect(executable, source);
    if (typeof java !== 'string') return chosen(java, logger);
    refused.push(java);
  }
  try {
    const own = await inspect(await installJava(environment.cacheDirectory, onProgress, install), 'fetched');
    if (typeof own !== 'string') return chosen(own, logger);
    refused.push(own);
  } catch (error) {
    refused.push(`fetching one failed, ${reasonOf(error)}`);
    throw embeddedError('JAVA_MISSING', { detail: refused.join('; '), cause: error });
  }
  throw embeddedError('JAVA_MISSING', { detail: refused.join('; ') });
}

function chosen(java: Java, logger: Logger): Java {
  logger.info({ java: java.executable, version: java.version, source: java.source }, 'Java found');
  return java;
}

async function* candidates({ javaHome, path, home }: MachineEnvironment, folders: readonly Folder[]) {
  if (javaHome !== '') yield { executable: join(javaHome, 'bin', 'java'), source: 'JAVA_HOME' };
  for (const folder of path) {
    const executable = join(folder, 'java');
    if (await exists(executable)) yield { executable, source: 'PATH' };
  }
  const userFolders: Folder[] = [
    [join(home, 'Library/Java/JavaVirtualMachines'), 'Contents/Home'],
    [join(home, '.sdkman/candidates/java'), ''],
    [join(home, '.jdks'), ''],
  ];
  for (const [folder, inside] of [...folders, ...userFolders]) {
    for (const name of (await readdir(folder).catch((): string[] => [])).toSorted((a, b) => (a < b ? -1 : 1))) {
      const executable = join(folder, name, inside, 'bin', 'java');
      if (await exists(executable)) yield { executable, source: folder };
    }
  }
}

/** The Java at the path, or why it is none. */
async function inspect(executable: string, source: string): Promise<Java | string> {
  const version = (await releasedVersion(executable)) ?? (await printedVersion(executable));
  if (version === undefined) return `${executable} (${source}) does not run`;
  const major = majorVersion(version);
  if (major < oldest) return `${executable} (${source}) is Java ${version}`;
  return { executable, major, version, source };
}

/** From the installation's `release` file, which costs no process. */
async function releasedVersion(executable: string): Promise<string | undefined> {
  try {
    const home = dirname(dirname(await realpath(executable)));
    return javaVersion(await readFile(join(home, 'release'), 'utf8'), /^JAVA_VERSION="([^"]+)"/m);
  } catch {
    return undefined;
  }
}

async function printedVersion(executable: string): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(executable, ['-version'], { timeout: 10_000 });
    return javaVersion(`${stderr}${stdout}`, /version "([^"]+)"/);
  } catch {
    return undefined;
  }
}

function javaVersion(text: string, pattern: RegExp): string | undefined {
  return pattern.exec(text)?.[1];
}

/** 17 of 17.0.15, 8 of 1.8.0_392, 25 of 25-ea. */
export function majorVersion(version: string): number {
  const [first = '0', second = '0'] = version.split(/[._+-]/);
  return Number(first === '1' ? second : first);
}

async function exists(path: string): Promise<boolean> {
  return (await realpath(path).catch(() => undefined)) !== undefined;
}
