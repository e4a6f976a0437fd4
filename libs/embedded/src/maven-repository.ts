import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Artifact, fileName } from './artifact-lock.ts';

/** Where artifacts are fetched from: an address that ends with a slash, and what to send along. */
export interface MavenRepository {
  /** As it may be shown: without credentials. */
  name: string;
  url: URL;
  headers: Record<string, string>;
}

const central = 'https://repo1.maven.org/maven2/';

/**
 * The configured repository (an address, or a folder laid out like one), else the mirror of Maven Central in the user's
 * own Maven settings, else Maven Central.
 * @see https://maven.apache.org/guides/mini/guide-mirror-settings.html
 */
export async function mavenRepository(configured: string, home: string): Promise<MavenRepository> {
  if (configured !== '') return repositoryAt(configured);
  const settings = await readFile(join(home, '.m2', 'settings.xml'), 'utf8').catch(() => '');
  return repositoryAt(mirrorOfCentral(settings) ?? central);
}

function repositoryAt(address: string): MavenRepository {
  const url = /^(https?|file):/.test(address) ? new URL(address) : pathToFileURL(resolve(address));
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  // fetch refuses addresses that carry credentials.
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return { name: url.href, url, headers: username === '' ? {} : { authorization: `Basic ${basic}` } };
}

/** Address of the first mirror that stands for Maven Central. */
export function mirrorOfCentral(settings: string): string | undefined {
  for (const [, mirror = ''] of settings.replaceAll(/<!--.*?-->/gs, '').matchAll(/<mirror>(.*?)<\/mirror>/gs)) {
    const patterns = element(mirror, 'mirrorOf')
      .split(',')
      .map((pattern) => pattern.trim());
    const excluded = patterns.includes('!central');
    const meant = patterns.some((pattern) => ['central', '*', 'external:*'].includes(pattern));
    const url = element(mirror, 'url');
    if (meant && !excluded && element(mirror, 'blocked') !== 'true' && /^https?:/.test(url)) return url;
  }
  return undefined;
}

function element(xml: string, name: string): string {
  return new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(xml)?.[1]?.trim().replaceAll('&amp;', '&') ?? '';
}

/** `io/apicurio/apicurio-registry-app/3.3.3/apicurio-registry-app-3.3.3-all.tar.gz` */
export function artifactPath(artifact: Artifact): string {
  return `${artifact.group.replaceAll('.', '/')}/${artifact.artifact}/${artifact.version}/${fileName(artifact)}`;
}
