import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of package.json above `from`: the same whether the source or the build runs. */
export function findPackageRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json')) || dirname(folder) === folder) return folder;
  }
}
