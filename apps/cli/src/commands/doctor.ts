import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { availableParallelism, homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type SupportedProvider, supportedProviders } from '#libs/model';
import { type Configuration, tooManyThreads } from '#libs/platform';
import { GatewayClient, runningGateway } from '../gateway-client.ts';
import { type CommonOptions, configuration } from '../options.ts';
import { printJson, printTable } from '../output.ts';

const run = promisify(execFile);

export interface Finding {
  part: string;
  state: 'ok' | 'warning' | 'wrong';
  found: string;
  /** How to mend it; empty when there is nothing to mend. */
  mend: string;
}

const minimumNode = 24;
const minimumJava = 17;
const minimumFreeGigabytes = 3;

/** What is wrong with this machine or configuration, and how to mend it. Exit 1 when something is wrong. */
export async function doctor(options: CommonOptions): Promise<void> {
  const findings: Finding[] = [nodeVersion(), platform()];
  const config = await checkedConfiguration(options, findings);
  if (config !== undefined) {
    const running = await runningGateway(config.dataDirectory);
    const alive = running.pid !== undefined && isAlive(running.pid);
    findings.push(
      await java(config),
      await dataDirectory(config),
      await disk(config),
      await cache(),
      processors(config),
      ...(await providers(config)),
      ...(await ports(config, alive)),
      ...(await parts(options, alive)),
    );
  }
  if (findings.some(({ state }) => state === 'wrong')) process.exitCode = 1;
  if (options.json === true) return printJson(findings);
  printTable(
    ['part', 'state', 'found', 'how to mend it'],
    findings.map(({ part, state, found, mend }) => [part, state, found, mend]),
  );
}

function nodeVersion(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  const enough = major >= minimumNode;
  return {
    part: 'node',
    state: enough ? 'ok' : 'wrong',
    found: process.versions.node,
    mend: enough ? '' : `Node ${minimumNode} is needed; start through npm scripts or npx, which bring their own`,
  };
}

function platform(): Finding {
  const { platform, arch } = process;
  const known = platform === 'linux' || platform === 'darwin';
  return {
    part: 'platform',
    state: known ? 'ok' : 'wrong',
    found: `${platform} ${arch}`,
    mend: known ? '' : 'the embedded ClickHouse needs Linux (glibc) or macOS; use WSL or docker compose',
  };
}

async function checkedConfiguration(options: CommonOptions, findings: Finding[]): Promise<Configuration | undefined> {
  try {
    const { config, origins } = await configuration(options);
    findings.push({ part: 'configuration', state: 'ok', found: `keys set: ${origins.size}`, mend: '' });
    return config;
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    findings.push({
      part: 'configuration',
      state: 'wrong',
      found,
      mend: 'correct the key, then `tidemill config check`',
    });
    return undefined;
  }
}

async function java({ java, kafka, schemaRegistry }: Configuration): Promise<Finding> {
  if (kafka.brokers !== '' && schemaRegistry.url !== '')
    return { part: 'java', state: 'ok', found: 'not needed: Kafka and the registry are external', mend: '' };
  const home = java.home === '' ? (process.env['JAVA_HOME'] ?? '') : java.home;
  const mend = `install Java ${minimumJava} or newer (a JRE is enough), or name one in java.home or JAVA_HOME`;
  const version =
    (home === '' ? undefined : await javaVersion(join(home, 'bin', 'java'))) ?? (await javaVersion('java'));
  if (version === undefined)
    return { part: 'java', state: 'warning', found: 'neither in java.home, JAVA_HOME nor on PATH', mend };
  const major = Number(/^(\d+)/.exec(version)?.[1] ?? 0);
  return major >= minimumJava
    ? { part: 'java', state: 'ok', found: version, mend: '' }
    : { part: 'java', state: 'wrong', found: version, mend };
}

async function javaVersion(command: string): Promise<string | undefined> {
  try {
    const { stderr } = await run(command, ['-version'], { timeout: 10_000 });
    return /version "([^"]+)"/.exec(stderr)?.[1];
  } catch {
    return undefined;
  }
}

async function dataDirectory({ dataDirectory }: Configuration): Promise<Finding> {
  const path = resolve(dataDirectory);
  try {
    await access(await existingParent(path), constants.W_OK);
    return { part: 'data directory', state: 'ok', found: path, mend: '' };
  } catch (error) {
    const found = error instanceof Error ? error.message : path;
    return {
      part: 'data directory',
      state: 'wrong',
      found,
      mend: 'name one that can be written: --data-dir or dataDirectory',
    };
  }
}

async function disk({ dataDirectory }: Configuration): Promise<Finding> {
  const { bavail, bsize } = await statfs(await existingParent(resolve(dataDirectory)));
  const free = (bavail * bsize) / 1024 ** 3;
  const enough = free >= minimumFreeGigabytes;
  return {
    part: 'disk',
    state: enough ? 'ok' : 'warning',
    found: `${free.toFixed(1)} GiB free`,
    mend: enough ? '' : `free some: ${minimumFreeGigabytes} GiB are comfortable`,
  };
}

/** More threads than cores only wait for each other: two hosts of two threads on two cores lose a third of the speed. */
function processors({ inference }: Configuration): Finding {
  const problem = tooManyThreads(inference);
  const found = `${availableParallelism()} cores; ${inference.hosts} hosts × ${inference.threads} threads`;
  return { part: 'processors', state: problem === undefined ? 'ok' : 'wrong', found, mend: problem ?? '' };
}

/** What is needed to run models elsewhere than on the processor. */
async function providers({ inference }: Configuration): Promise<Finding[]> {
  const wanted = inference.executionProviders.filter((provider) => provider !== 'cpu');
  if (wanted.length === 0) return [];
  const supported = await supportedProviders();
  const nvidia = wanted.some((provider) => provider === 'cuda' || provider === 'tensorrt');
  return [...wanted.map((provider) => providerFinding(provider, supported)), ...(nvidia ? [await nvidiaDevice()] : [])];
}

export function providerFinding(provider: string, supported: readonly SupportedProvider[]): Finding {
  const part = `provider ${provider}`;
  const known = supported.find(({ name }) => name === provider);
  if (known === undefined) {
    const found = `ONNX Runtime here knows ${supported.map(({ name }) => name).join(', ')}`;
    return { part, state: 'wrong', found, mend: 'take another provider, or the platform that has this one' };
  }
  if (known.missing === undefined)
    return { part, state: 'ok', found: 'ONNX Runtime has what it needs for it', mend: '' };
  return {
    part,
    state: 'wrong',
    found: `${known.missing} is not there`,
    mend: 'fetch it: in node_modules/onnxruntime-node, `ONNXRUNTIME_NODE_INSTALL=cuda12 node script/install.js`',
  };
}

async function nvidiaDevice(): Promise<Finding> {
  try {
    const { stdout } = await run('nvidia-smi', ['--query-gpu=name,memory.total', '--format=csv,noheader']);
    return { part: 'gpu', state: 'ok', found: stdout.trim().replaceAll('\n', '; '), mend: '' };
  } catch {
    const mend = 'install the NVIDIA driver, or hand the device to the container; docs/deployment.md, GPU';
    return { part: 'gpu', state: 'wrong', found: 'nvidia-smi does not answer', mend };
  }
}

async function existingParent(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    if (dirname(folder) === folder) return folder;
    try {
      await access(folder);
      return folder;
    } catch {
      // one up
    }
  }
}

async function cache(): Promise<Finding> {
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const path = join(base, 'tidemill');
  try {
    await access(path);
    return { part: 'cache', state: 'ok', found: path, mend: '' };
  } catch {
    return { part: 'cache', state: 'ok', found: `${path} is empty: the first start downloads about 150 MB`, mend: '' };
  }
}

/** A taken port is no fault: the next free one is used. */
async function ports({ http, kafka, schemaRegistry }: Configuration, running: boolean): Promise<Finding[]> {
  const wanted: [string, number][] = [['port gateway', http.port]];
  if (kafka.brokers === '') wanted.push(['port kafka', kafka.embeddedPort]);
  if (schemaRegistry.url === '') wanted.push(['port registry', schemaRegistry.embeddedPort]);
  return Promise.all(
    wanted.map(async ([part, port]): Promise<Finding> => {
      if (await isFree(port)) return { part, state: 'ok', found: `${port} is free`, mend: '' };
      if (running) return { part, state: 'ok', found: `${port} is in use while Tidemill runs`, mend: '' };
      return {
        part,
        state: 'warning',
        found: `${port} is taken`,
        mend: 'the next free one is used; --port names another',
      };
    }),
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}

async function parts(options: CommonOptions, running: boolean): Promise<Finding[]> {
  if (!running && options.url === undefined)
    return [{ part: 'gateway', state: 'ok', found: 'not running', mend: 'start it with `npm start`' }];
  try {
    const client = await GatewayClient.open(options);
    const status = await client.json<{ reasons: string[] }>('/v1/status', {}, 5000);
    const version: Finding = { part: 'gateway', state: 'ok', found: `answers at ${client.url}`, mend: '' };
    return [
      version,
      ...status.reasons.map((reason): Finding => {
        const [part = 'part', ...rest] = reason.split(': ');
        return {
          part,
          state: 'wrong',
          found: rest.join(': '),
          mend: 'see the log of that part; `tidemill status` shows it again',
        };
      }),
    ];
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return [{ part: 'gateway', state: 'wrong', found, mend: 'start it with `npm start`, or restart it' }];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
