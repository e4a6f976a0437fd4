/** Loaded into a process under measurement (`--expose-gc --import`): collects garbage when told to, and says what is left. */
process.on('message', () => {
  globalThis.gc?.();
  process.send?.(process.memoryUsage());
});
