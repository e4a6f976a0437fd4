import { extname, join } from 'node:path';

/**
 * The entry of a child process that lies beside the calling module, in the form the caller itself runs in:
 * TypeScript source (then `--conditions=source` goes along) or built JavaScript.
 */
export function siblingModule(meta: ImportMeta, name: string): { path: string; execArgv: string[] } {
  const extension = extname(meta.filename);
  return {
    path: join(meta.dirname, `${name}${extension}`),
    execArgv: extension === '.ts' ? ['--conditions=source', '--disable-warning=ExperimentalWarning'] : [],
  };
}
