/**
 * Threads that libuv runs native work on (queries of the embedded engine, files, name look-ups).
 * UV_THREADPOOL_SIZE is read by libuv before the first such work; changing it later changes nothing.
 */
export function threadPoolSize(): number {
  const size = Number(process.env['UV_THREADPOOL_SIZE']);
  return Number.isInteger(size) && size > 0 ? Math.min(size, 1024) : 4;
}
