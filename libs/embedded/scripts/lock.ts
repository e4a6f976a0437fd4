/**
 * Writes src/artifacts.lock.json: what the embedded stack is made of, with size and sha512 of each file.
 * Needs Maven, which resolves the runtime closure and compares with the repository's own checksums; the result is what
 * machines without Maven use. Run it after changing a version below:
 *
 *   node --conditions=source libs/embedded/scripts/lock.ts
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Dependency {
  group: string;
  artifact: string;
  version: string;
  classifier?: string;
  type?: string;
  /** False: only the file itself, because it brings everything it needs. */
  transitive?: boolean;
}

const apicurio = {
  group: 'io.apicurio',
  artifact: 'apicurio-registry-app',
  classifier: 'all',
  type: 'tar.gz',
  transitive: false,
};

const parts: Record<string, Dependency[]> = {
  // Kafka brings no SLF4J binding and would log nothing; the binding's version is that of Kafka's log4j-core.
  kafka: [
    { group: 'org.apache.kafka', artifact: 'kafka_2.13', version: '4.4.0' },
    { group: 'org.apache.logging.log4j', artifact: 'log4j-slf4j-impl', version: '2.25.5' },
  ],
  'apicurio-java21': [{ ...apicurio, version: '3.3.3' }],
  'apicurio-java17': [{ ...apicurio, version: '3.0.9' }],
};

const directory = mkdtempSync(join(tmpdir(), 'tidemill-lock-'));
try {
  const lock = Object.fromEntries(Object.entries(parts).map(([part, roots]) => [part, resolve(roots)]));
  writeFileSync(join(import.meta.dirname, '../src/artifacts.lock.json'), `${JSON.stringify(lock, null, 2)}\n`);
  for (const [part, artifacts] of Object.entries(lock)) console.log(`${part}: ${artifacts.length} artifacts`);
} finally {
  rmSync(directory, { recursive: true });
}

function resolve(roots: Dependency[]) {
  const list = join(directory, 'list.txt');
  writeFileSync(join(directory, 'pom.xml'), pom(roots));
  const options = ['-DincludeScope=runtime', '-DoutputAbsoluteArtifactFilename=true', `-DoutputFile=${list}`];
  execFileSync('mvn', ['-q', '-B', 'dependency:list', ...options], { cwd: directory, stdio: ['ignore', 2, 2] });
  return readFileSync(list, 'utf8')
    .split('\n')
    .flatMap((line) => artifactOf(line.trim()))
    .sort((a, b) => (a.group + a.artifact < b.group + b.artifact ? -1 : 1));
}

/** `group:artifact:type[:classifier]:version:scope:/path/of/the.file -- module …` */
function artifactOf(line: string) {
  const match = /^([^:\s]+):([^:]+):([^:]+):(?:([^:]+):)?([^:]+):(?:compile|runtime):(\/\S+)/.exec(line);
  if (match === null) return [];
  const [, group, artifact, extension, classifier, version, path] = match;
  const bytes = readFileSync(path ?? '');
  const sha512 = createHash('sha512').update(bytes).digest('hex');
  const coordinates = { group, artifact, version, ...(classifier === undefined ? {} : { classifier }), extension };
  return [{ ...coordinates, size: bytes.length, sha512 }];
}

function pom(roots: Dependency[]): string {
  const dependencies = roots.map(({ group, artifact, version, classifier, type, transitive }) =>
    [
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`,
      classifier === undefined ? '' : `<classifier>${classifier}</classifier>`,
      type === undefined ? '' : `<type>${type}</type>`,
      transitive === false
        ? '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>'
        : '',
      '</dependency>',
    ].join(''),
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tidemill</groupId><artifactId>lock</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>`;
}
