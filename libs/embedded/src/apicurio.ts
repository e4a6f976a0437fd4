import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { embeddedError } from './errors.ts';
import type { Engine } from './engine.ts';
import { GuardedProcess } from './guarded-process.ts';

export interface ApicurioOptions extends Engine {
  /** The unpacked distribution. */
  application: string;
  port: number;
}

/** Base URL of the Confluent-compatible API of a registry on this port. */
export function apicurioUrl(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

/** Apicurio Registry on 127.0.0.1 with an H2 file in the directory. Resolves when it answers. */
export async function startApicurio(options: ApicurioOptions): Promise<GuardedProcess> {
  const { directory, application, java, port, env, ...engine } = options;
  await mkdir(directory, { recursive: true });
  const mark = `-Dtidemill.registry=${directory}`;
  const virtualMachine = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const registry = await GuardedProcess.start({
    name: 'the schema registry',
    command: [java.executable, mark, ...virtualMachine, '-jar', await jar(application)],
    mark,
    directory,
    pidFile: join(directory, 'pid'),
    grace: 10,
    ...engine,
    env: {
      ...env,
      APICURIO_STORAGE_KIND: 'sql',
      APICURIO_STORAGE_SQL_KIND: 'h2',
      // WRITE_DELAY: an answered registration is in the file. By default a crash loses half a second of them, and records
      // in Kafka would name schema ids that nobody knows.
      APICURIO_DATASOURCE_URL: `jdbc:h2:file:${join(directory, 'registry')};WRITE_DELAY=0`,
      APICURIO_DATASOURCE_USERNAME: 'sa',
      APICURIO_DATASOURCE_PASSWORD: await password(directory),
      QUARKUS_HTTP_HOST: '127.0.0.1',
      QUARKUS_HTTP_PORT: String(port),
      QUARKUS_HTTP_ACCESS_LOG_ENABLED: 'false',
    },
  });
  return registry.whenReady((signal) => answers(port, signal), 60);
}

/** 3.3 comes as Quarkus's fast-jar, 3.0 as one runner jar. */
async function jar(application: string): Promise<string> {
  const files = await readdir(application, { recursive: true });
  const found = files.find((file) => /(^|\/)quarkus-run\.jar$|-runner\.jar$/.test(file));
  if (found === undefined) {
    throw embeddedError('ENGINE_START_FAILED', {
      detail: `no registry in ${application}: delete that folder and start again`,
    });
  }
  return join(application, found);
}

/** Of the H2 file, made at the first start. */
async function password(directory: string): Promise<string> {
  const path = join(directory, 'password');
  try {
    return await readFile(path, 'utf8');
  } catch {
    const fresh = randomBytes(24).toString('base64url');
    await writeFile(path, fresh, { mode: 0o600 });
    return fresh;
  }
}

async function answers(port: number, signal: AbortSignal): Promise<boolean> {
  const response = await fetch(`${apicurioUrl(port)}/subjects`, { signal });
  await response.arrayBuffer();
  return response.ok;
}
