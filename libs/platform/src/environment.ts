import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What the user's machine says about itself; each value as the usual variables give it. */
export interface MachineEnvironment {
  /** The user's home folder. */
  home: string;
  /** Folder for what can be fetched again, shared by all clones. */
  cacheDirectory: string;
  /** JAVA_HOME; empty: not set. */
  javaHome: string;
  /** Folders of PATH. */
  path: string[];
}

/**
 * Caches go where the platform keeps them: `$XDG_CACHE_HOME/tidemill`, else `~/Library/Caches/tidemill` on macOS and
 * `~/.cache/tidemill` elsewhere.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function machineEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): MachineEnvironment {
  const home = env['HOME'] ?? homedir();
  const caches = platform === 'darwin' ? join(home, 'Library', 'Caches') : join(home, '.cache');
  return {
    home,
    // The specification has relative values ignored.
    cacheDirectory: join(env['XDG_CACHE_HOME']?.startsWith('/') === true ? env['XDG_CACHE_HOME'] : caches, 'tidemill'),
    javaHome: env['JAVA_HOME'] ?? '',
    path: (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''),
  };
}
