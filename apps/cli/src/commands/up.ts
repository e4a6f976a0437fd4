import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { usageError } from '../cli-error.ts';
import { positive } from '../options.ts';

export interface UpOptions {
  stream?: string;
  dataDir?: string;
  port?: string;
  speed?: string;
  exitAfterStream?: boolean;
  config?: string;
  fresh?: boolean;
  yes?: boolean;
}

interface Standalone {
  runStandalone: (options: Record<string, unknown>) => Promise<void>;
}

const streams = ['somali', 'mail', 'none'];

/** `tidemill up`: everything in this process until Ctrl-C. */
export async function up(options: UpOptions): Promise<void> {
  const stream = options.stream ?? 'somali';
  if (!streams.includes(stream)) throw usageError(`--stream ${stream} is not known: ${streams.join(', ')}`);
  const { runStandalone } = await loadStandalone();
  await runStandalone({
    stream,
    dataDir: options.dataDir,
    port: portNumber(options.port),
    speed: positive('--speed', options.speed),
    exitAfterStream: options.exitAfterStream ?? false,
    config: options.config,
    fresh: options.fresh ?? false,
    yes: options.yes ?? false,
  });
}

/** Loaded here and not at the top: it brings every app with it, and the other commands must start at once. */
async function loadStandalone(): Promise<Standalone> {
  const extension = extname(import.meta.filename);
  const path = join(import.meta.dirname, '..', '..', '..', 'standalone', 'src', `standalone.app${extension}`);
  return (await import(pathToFileURL(path).href)) as Standalone;
}

/** 0: any free one. */
function portNumber(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const port = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (!(port <= 65_535)) throw usageError(`--port ${value} is not a port: 0 (any free one) to 65535`);
  return port;
}
