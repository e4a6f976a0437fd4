import { extname, join } from 'node:path';

/**
 * The entry of a child process that lies beside the calling module, in the form the caller itself runs in:
 * TypeScript source (then `--conditions=tidemill-source` goes along) or built JavaScript.
 */
export function siblingModule(meta: ImportMeta, name: string): { path: string; execArgv: string[] } {
  const extension = extname(meta.filename);
  return {
    path: join(meta.dirname, `${name}${extension}`),
    execArgv: extension === '.ts' ? ['--conditions=tidemill-source', '--disable-warning=ExperimentalWarning'] : [],
  };
}
