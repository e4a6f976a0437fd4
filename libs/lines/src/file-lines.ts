import { csvLines } from './csv-lines.ts';
import { jsonLines } from './json-lines.ts';
import type { Line, LineFormat, LineOptions } from './line.ts';

/** Lines of either format, in bounded memory. */
export function fileLines(
  format: LineFormat,
  chunks: AsyncIterable<Uint8Array>,
  options: LineOptions,
): AsyncGenerator<Line> {
  return format === 'csv' ? csvLines(chunks, options) : jsonLines(chunks, options);
}
