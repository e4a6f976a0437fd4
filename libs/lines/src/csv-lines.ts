import { Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import type { Line, LineOptions } from './line.ts';

interface Parsed {
  record: string[];
  info: { lines: number };
}

/**
 * CSV (RFC 4180) with a header line; values are text, empty ones left out. A record of the wrong width is reported
 * under the number of its last line and skipped.
 */
export async function* csvLines(
  chunks: AsyncIterable<Uint8Array>,
  { maximumBytes }: LineOptions,
): AsyncGenerator<Line> {
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: maximumBytes,
  });
  const skipped: Line[] = [];
  parser.on('skip', (error: CsvError) => skipped.push({ ok: false, line: numberOf(error), reason: error.message }));
  const source = Readable.from(chunks);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let header: string[] | undefined;
  let last = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      last = info.lines;
      while ((skipped[0]?.line ?? Infinity) <= last) {
        const bad = skipped.shift();
        if (bad !== undefined) yield bad;
      }
      if (header === undefined) header = record.map((name) => name.trim());
      else if (record.length !== header.length)
        yield { ok: false, line: last, reason: `${record.length} columns where the header has ${header.length}` };
      else yield { ok: true, line: last, value: named(header, record) };
    }
  } catch (error) {
    // Past a record that never ends nothing can be told apart any more.
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_'))) throw error;
    yield { ok: false, line: last + 1, reason: `${error.message}; the rest of the file was not read` };
  } finally {
    source.destroy();
  }
  yield* skipped;
}

function named(header: readonly string[], record: readonly string[]): Record<string, unknown> {
  const pairs = header.map((name, i): [string, string] => [name, record[i] ?? '']);
  return Object.fromEntries(pairs.filter(([, value]) => value !== ''));
}

function numberOf(error: CsvError): number {
  const lines: unknown = error['lines'];
  return typeof lines === 'number' ? lines : 0;
}
