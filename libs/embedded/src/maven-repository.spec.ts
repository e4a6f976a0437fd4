import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifactPath, mavenRepository, mirrorOfCentral } from './maven-repository.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidemill-home-'));
});
afterAll(() => rm(home, { recursive: true }));

const mirror = (mirrorOf: string, url: string, more = '') =>
  `<mirror><id>m</id><mirrorOf>${mirrorOf}</mirrorOf><url>${url}</url>${more}</mirror>`;

describe('the repository', () => {
  it('is Maven Central when nothing says otherwise', async () => {
    expect((await mavenRepository('', home)).url.href).toBe('https://repo1.maven.org/maven2/');
  });

  it('is the mirror of the user’s Maven settings, unless one is configured', async () => {
    await mkdir(join(home, '.m2'));
    await writeFile(
      join(home, '.m2', 'settings.xml'),
      `<settings><mirrors>${mirror('*', 'https://m.example/all')}</mirrors></settings>`,
    );
    expect((await mavenRepository('', home)).url.href).toBe('https://m.example/all/');
    expect((await mavenRepository('https://other.example/maven', home)).url.href).toBe('https://other.example/maven/');
  });

  it('may be a folder', async () => {
    expect((await mavenRepository(home, '')).url.href).toBe(`${pathToFileURL(home).href}/`);
  });

  it('gets its credentials in a header, and nobody else sees them', async () => {
    const { url, name, headers } = await mavenRepository('https://me:pass%20word@m.example/x', home);
    expect(url.href).toBe('https://m.example/x/');
    expect(name).toBe('https://m.example/x/');
    expect(headers).toEqual({ authorization: `Basic ${Buffer.from('me:pass word').toString('base64')}` });
  });
});

describe('a mirror', () => {
  it.each([
    ['central', true],
    ['*', true],
    ['external:*', true],
    ['snapshots,central', true],
    ['*,!central', false],
    ['snapshots', false],
    ['external:http:*', false],
  ])('of %s stands for Maven Central: %s', (mirrorOf, meant) => {
    expect(mirrorOfCentral(mirror(mirrorOf, 'https://m.example/'))).toBe(meant ? 'https://m.example/' : undefined);
  });

  it('that is commented out or blocked does not count', () => {
    const settings = `<!-- ${mirror('*', 'https://a.example/')} -->${mirror('*', 'http://b.example/', '<blocked>true</blocked>')}`;
    expect(mirrorOfCentral(settings)).toBeUndefined();
    expect(mirrorOfCentral(`${settings}${mirror('central', 'https://c.example/?a=1&amp;b=2')}`)).toBe(
      'https://c.example/?a=1&b=2',
    );
  });
});

it('artifacts lie where Maven puts them', () => {
  const coordinates = { group: 'a.b', artifact: 'c', version: '1.0', size: 0, sha512: '' };
  expect(artifactPath({ ...coordinates, extension: 'jar' })).toBe('a/b/c/1.0/c-1.0.jar');
  expect(artifactPath({ ...coordinates, classifier: 'all', extension: 'tar.gz' })).toBe('a/b/c/1.0/c-1.0-all.tar.gz');
});
