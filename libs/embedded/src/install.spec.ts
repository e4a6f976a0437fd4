import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Artifact, readArtifactLock } from './artifact-lock.ts';
import { installApicurio, installKafka, type InstallOptions } from './install.ts';
import { artifactPath, mavenRepository } from './maven-repository.ts';

let root: string;
let options: InstallOptions;
let progress: string[];

/** A repository folder with two jars and an archive for each Java. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tidemill-install-'));
  const archive = async (version: string) => {
    await mkdir(join(root, 'app'), { recursive: true });
    await writeFile(join(root, 'app', 'quarkus-run.jar'), version);
    await promisify(execFile)('tar', ['-czf', join(root, 'app.tar.gz'), '-C', join(root, 'app'), '.']);
    return publish('registry', version, { extension: 'tar.gz', bytes: await readFile(join(root, 'app.tar.gz')) });
  };
  progress = [];
  options = {
    cacheDirectory: join(root, 'cache'),
    repository: await mavenRepository(join(root, 'repository'), ''),
    onProgress: (text) => progress.push(text),
    lock: {
      kafka: [
        await publish('one', '1', { extension: 'jar', bytes: Buffer.from('first') }),
        await publish('two', '1', { extension: 'jar', bytes: Buffer.from('second') }),
      ],
      'apicurio-java21': [await archive('3.3.3')],
      'apicurio-java17': [await archive('3.0.9')],
      'encoder-minilm': [],
    },
  };
});
afterEach(() => rm(root, { recursive: true }));

async function publish(
  artifact: string,
  version: string,
  { extension, bytes }: { extension: string; bytes: Buffer },
): Promise<Artifact> {
  const sha512 = createHash('sha512').update(bytes).digest('hex');
  const published = { group: 'g', artifact, version, extension, size: bytes.length, sha512 };
  const path = join(root, 'repository', artifactPath(published));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return published;
}

const java = (major: number) => ({ executable: '', major, version: `${major}`, source: '' });

describe('installing', () => {
  it('puts Kafka’s jars in one folder, by several processes at once too, and asks for nothing twice', async () => {
    const [folder] = await Promise.all([installKafka(options), installKafka(options)]);
    expect((await readdir(folder)).sort()).toEqual(['one-1.jar', 'two-1.jar']);
    await rm(join(root, 'repository'), { recursive: true });
    expect(await installKafka(options)).toBe(folder);
  });

  it('replaces a jar that was altered since', async () => {
    const folder = await installKafka(options);
    await writeFile(join(folder, 'one-1.jar'), 'FIRST');
    await installKafka(options);
    expect(await readFile(join(folder, 'one-1.jar'), 'utf8')).toBe('first');
  });

  it('refuses a jar that is not the locked one by name, and leaves none of it', async () => {
    const [first] = options.lock.kafka;
    if (first !== undefined) first.sha512 = first.sha512.replace(/./g, '0');
    await expect(installKafka(options)).rejects.toThrow(/artifacts\.lock\.json.*one-1\.jar/s);
    const [folder = ''] = await readdir(join(root, 'cache', 'embedded'));
    expect(await readdir(join(root, 'cache', 'embedded', folder))).not.toContain('one-1.jar');
  });

  it('says what to do when a file cannot be had', async () => {
    await rm(join(root, 'repository'), { recursive: true });
    await expect(installKafka(options)).rejects.toThrow(/java\.mavenRepository.*kafka\.brokers.*(one|two)-1\.jar/s);
  });

  it.each([
    [17, '3.0.9'],
    [20, '3.0.9'],
    [21, '3.3.3'],
    [25, '3.3.3'],
  ])('on Java %i unpacks the registry %s', async (major, version) => {
    const application = await installApicurio(java(major), options);
    expect(await readFile(join(application, 'quarkus-run.jar'), 'utf8')).toBe(version);
    expect(await readdir(dirname(application))).toEqual(['application']);
  });

  it('takes no half-unpacked registry for a whole one', async () => {
    const application = await installApicurio(java(25), options);
    await rm(application, { recursive: true });
    await cp(join(root, 'app'), `${application}.cut`, { recursive: true });
    expect(await installApicurio(java(25), options)).toBe(application);
    expect(await readdir(application)).toEqual(['quarkus-run.jar']);
  });
});

it('the lock names each file with size and digest', async () => {
  const lock = await readArtifactLock();
  expect(lock.kafka.map(({ artifact }) => artifact)).toContain('log4j-slf4j-impl');
  for (const artifacts of Object.values(lock)) {
    expect(artifacts.length).toBeGreaterThan(0);
    for (const { size, sha512 } of artifacts) {
      expect(size).toBeGreaterThan(0);
      expect(sha512).toMatch(/^[0-9a-f]{128}$/);
    }
  }
});
