#!/usr/bin/env node
// `npx tidemill …`: runs the built command line.
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

// Before anything uses the thread pool: each query of the embedded ClickHouse occupies a thread.
process.env.UV_THREADPOOL_SIZE ??= '16';

const [major] = process.versions.node.split('.').map(Number);
const main = fileURLToPath(new URL('../../dist/apps/cli/src/main.js', import.meta.url));
if (major < 24) {
  // Node itself is one of the dependencies; npx and npm find it first.
  process.stderr.write(
    `tidemill: Node 24 is needed, this is ${process.versions.node}; run \`npx tidemill …\` in the clone\n`,
  );
  process.exitCode = 1;
} else if (existsSync(main)) {
  await import(pathToFileURL(main).href);
} else {
  process.stderr.write('tidemill: it has not been built yet; run `npm run build`\n');
  process.exitCode = 1;
}
