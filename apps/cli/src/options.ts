import type { LoadedConfiguration } from '#libs/platform';

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
