import type { LoadedConfiguration } from '#libs/platform';
import { usageError } from './cli-error.ts';

/** What every command takes. */
export interface CommonOptions {
  url?: string;
  token?: string;
  config?: string;
  dataDir?: string;
  json?: boolean;
  verbose?: boolean;
}

/** The effective configuration: file, environment, and --data-dir over them. */
export async function configuration(options: CommonOptions): Promise<LoadedConfiguration> {
  const { loadConfig } = await import('#libs/platform');
  return loadConfig({
    file: options.config,
    env: process.env,
    overrides: { dataDirectory: options.dataDir },
  });
}

/** The number of an option. */
export function positive(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isFinite(number) || number <= 0) throw usageError(`${name} ${value} is not a number above 0`);
  return number;
}
