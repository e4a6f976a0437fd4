#!/usr/bin/env node
// `npx tidemill …`: runs the built command line.
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

// Before anything uses the thread pool: each query of the embedded ClickHouse occupies a thread.
process.env.UV_THREADPOOL_SIZE ??= '16';

const main = fileURLToPath(new URL('../../dist/apps/cli/src/main.js', import.meta.url));
if (existsSync(main)) {
  await import(pathToFileURL(main).href);
} else {
  process.stderr.write('tidemill: it has not been built yet; run `npm run build`\n');
  process.exitCode = 1;
}
