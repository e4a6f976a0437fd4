import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MachineEnvironment, silentLogger } from '#libs/platform';
import type { JavaInstaller } from './install-java.ts';
import { findJava, majorVersion } from './java.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tidemill-java-'));
});
afterEach(() => rm(root, { recursive: true }));

/** A Java installation; without a release file it says its version itself, as old ones do. */
async function install(name: string, version: string, { release = true } = {}): Promise<string> {
  const home = join(root, name);
  await mkdir(join(home, 'bin'), { recursive: true });
  await writeFile(join(home, 'bin', 'java'), `#!/bin/sh\necho 'openjdk version "${version}" 2025-01-01' >&2\n`);
  await chmod(join(home, 'bin', 'java'), 0o755);
  if (release) await writeFile(join(home, 'release'), `IMPLEMENTOR="x"\nJAVA_VERSION="${version}"\n`);
  return home;
}

const machine = (fields: Partial<MachineEnvironment>): MachineEnvironment => ({
  home: join(root, 'home'),
  cacheDirectory: join(root, 'cache'),
  javaHome: '',
  path: [],
  ...fields,
});
const unreachable: JavaInstaller = () => Promise.reject(new Error('no network'));
const find = (configured: string, environment: MachineEnvironment, install = unreachable) =>
  findJava(configured, environment, { logger: silentLogger, folders: [], install });

describe('Java is taken from', () => {
  it('the setting before anything else', async () => {
    const [set, other] = [await install('set', '17.0.15'), await install('other', '25')];
    const found = await find(set, machine({ javaHome: other }));
    expect(found).toMatchObject({ executable: join(set, 'bin', 'java'), major: 17, source: 'java.home' });
  });

  it('JAVA_HOME before PATH', async () => {
    const [home, onPath] = [await install('home', '21.0.2'), await install('path', '25')];
    const found = await find('', machine({ javaHome: home, path: [join(onPath, 'bin')] }));
    expect(found).toMatchObject({ major: 21, source: 'JAVA_HOME' });
  });

  it('PATH, through links, past one that is too old', async () => {
    const [old, recent] = [await install('old', '1.8.0_392'), await install('new', '17.0.1')];
    await mkdir(join(root, 'links'));
    await symlink(join(recent, 'bin', 'java'), join(root, 'links', 'java'));
    const found = await find('', machine({ path: [join(old, 'bin'), join(root, 'none'), join(root, 'links')] }));
    expect(found).toMatchObject({ executable: join(root, 'links', 'java'), version: '17.0.1', source: 'PATH' });
  });

  it('the folders that tools install into', async () => {
    await install('home/.sdkman/candidates/java/21.0.5-tem', '21.0.5');
    expect(await find('', machine({}))).toMatchObject({ major: 21, version: '21.0.5' });
  });

  it('what it prints when there is no release file', async () => {
    const home = await install('bare', '25-ea', { release: false });
    expect(await find('', machine({ javaHome: home }))).toMatchObject({ major: 25, version: '25-ea' });
  });
});

describe('without a Java that will do', () => {
  it('one is fetched into the cache, once', async () => {
    const asked: number[] = [];
    const installer: JavaInstaller = async (major, below) => {
      asked.push(major);
      await install(join('cache', 'embedded', basename(below), 'jre', 'jdk-21.0.5+11-jre'), '21.0.5');
      return join(below, 'jre');
    };
    const first = await find('', machine({}), installer);
    expect(first).toMatchObject({ major: 21, source: 'fetched' });
    expect(await find('', machine({}), installer)).toEqual(first);
    expect(asked).toEqual([21]);
    expect(await readdir(join(root, 'cache', 'embedded'))).toEqual(['java-21']);
  });

  it('the error says what was looked at and the ways out', async () => {
    const old = await install('old', '11.0.2');
    const error = await find('', machine({ path: [join(old, 'bin')] })).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'JAVA_MISSING' });
    expect(String(error)).toContain(`${join(old, 'bin', 'java')} (PATH) is Java 11.0.2`);
    expect(String(error)).toContain('fetching one failed, no network');
    expect(await readdir(join(root, 'cache', 'embedded'))).toEqual([]);
    expect(String(error)).toMatch(/apt install .*java\.home.*kafka\.brokers.*docker-compose/s);
  });

  it('a setting that does not hold is not silently replaced', async () => {
    const other = await install('other', '25');
    await expect(find(join(root, 'none'), machine({ javaHome: other }))).rejects.toMatchObject({
      code: 'JAVA_HOME_UNUSABLE',
    });
  });
});

it.each([
  ['17.0.15', 17],
  ['1.8.0_392', 8],
  ['25', 25],
  ['25-ea', 25],
  ['21+35', 21],
])('%s is Java %i', (version, major) => {
  expect(majorVersion(version)).toBe(major);
});
