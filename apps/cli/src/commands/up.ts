import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { usageError } from '../cli-error.ts';

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
    port: whole('--port', options.port),
    speed: whole('--speed', options.speed),
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

function whole(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isFinite(number) || number < 0) throw usageError(`${name} ${value} is not a number`);
  return number;
}
