import { parseArgs } from 'node:util';

/** Everything in one process: `node dist/apps/standalone/src/main.js [--stream somali|mail|none] …`, as `npm start` does. */
async function main(): Promise<void> {
  // Before anything uses the thread pool: queries of the embedded engine occupy a thread each.
  process.env['UV_THREADPOOL_SIZE'] ??= '16';
  const { values } = parseArgs({
    options: {
      stream: { type: 'string', default: 'somali' },
      'data-dir': { type: 'string' },
      port: { type: 'string' },
      speed: { type: 'string' },
      'exit-after-stream': { type: 'boolean', default: false },
      config: { type: 'string' },
      fresh: { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
    },
  });
  const { runStandalone } = await import('./standalone.app.ts');
  await runStandalone({
    stream: values.stream,
    dataDir: values['data-dir'],
    port: values.port === undefined ? undefined : Number(values.port),
    speed: values.speed === undefined ? undefined : Number(values.speed),
    exitAfterStream: values['exit-after-stream'],
    config: values.config,
    fresh: values.fresh,
    yes: values.yes,
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`tidemill: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
