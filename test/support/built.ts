import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A module of the build by its path below dist. */
export async function built<Module>(path: string): Promise<Module> {
  const file = join(import.meta.dirname, '..', '..', 'dist', path);
  return (await import(pathToFileURL(file).href)) as Module;
}
