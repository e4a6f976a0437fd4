import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { directoryOwner } from '#libs/embedded';
import { defineErrors } from '#libs/platform';

export const standaloneError = defineErrors({
  DATA_DIRECTORY_IN_USE: { message: 'the data directory belongs to a running Tidemill', retriable: true },
  DATA_DIRECTORY_FOREIGN: {
    message: 'the folder holds other things than Tidemill data: it is not emptied',
    retriable: false,
  },
  DATA_DIRECTORY_KEPT: { message: 'the data directory has not been emptied', retriable: false },
});

/** What other programs on this machine need to find the running product. */
export interface GatewayRecord {
  url: string;
  pid: number;
  brokers: string;
  registryUrl: string;
}

const gatewayFile = 'gateway.json';
const tokenFile = 'token';

export function writeGatewayRecord(directory: string, gateway: GatewayRecord): void {
  const path = join(directory, gatewayFile);
  writeFileSync(`${path}.new`, `${JSON.stringify(gateway, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

export function removeGatewayRecord(directory: string): void {
  rmSync(join(directory, gatewayFile), { force: true });
}

/** Makes the directory, and in it the secret that SQL asks for: only its owner can read it. */
export function prepareDataDirectory(directory: string, configuredToken: string): void {
  mkdirSync(join(directory, 'logs'), { recursive: true });
  const path = join(directory, tokenFile);
  if (configuredToken !== '') writeFileSync(path, `${configuredToken}\n`, { mode: 0o600 });
  else if (!readdirSync(directory).includes(tokenFile)) {
    writeFileSync(path, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  }
}

/**
 * Deletes what is in the data directory.
 * @throws TidemillError DATA_DIRECTORY_IN_USE, DATA_DIRECTORY_FOREIGN, DATA_DIRECTORY_KEPT when the answer is not yes
 */
export async function emptyDataDirectory(directory: string, { yes }: { yes: boolean }): Promise<void> {
  const entries = list(directory);
  if (entries.length === 0) return;
  const owner = await directoryOwner(directory);
  if (owner !== undefined)
    throw standaloneError('DATA_DIRECTORY_IN_USE', { detail: `process ${owner} uses ${directory}` });
  if (!entries.includes(tokenFile) || !entries.includes('logs')) {
    throw standaloneError('DATA_DIRECTORY_FOREIGN', { detail: directory });
  }
  if (!yes && !(await confirmed(directory))) {
    throw standaloneError('DATA_DIRECTORY_KEPT', { detail: 'start without --fresh, or say --yes' });
  }
  for (const entry of entries) rmSync(join(directory, entry), { recursive: true, force: true });
}

async function confirmed(directory: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`Delete everything in ${directory}? [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
