import type { Line, LineOptions } from './line.ts';

const newline = 0x0a;
const decoder = new TextDecoder('utf-8', { fatal: true });

/** JSON Lines: one object a line, UTF-8, blank lines ignored. A line that cannot be read does not stop the others. */
export async function* jsonLines(
  chunks: AsyncIterable<Uint8Array>,
  { maximumBytes }: LineOptions,
): AsyncGenerator<Line> {
  let line = 0;
  for await (const bytes of rawLines(chunks, maximumBytes)) {
    line++;
    if (bytes === 'too long') yield { ok: false, line, reason: `longer than ${maximumBytes} bytes` };
    else {
      const parsed = parseLine(bytes, line);
      if (parsed !== undefined) yield parsed;
    }
  }
}

function parseLine(bytes: Uint8Array, line: number): Line | undefined {
  let text: string;
  try {
    text = decoder.decode(bytes).trim();
  } catch {
    return { ok: false, line, reason: 'not UTF-8' };
  }
  if (text === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, line, reason: `not JSON (${error instanceof Error ? error.message : 'unreadable'})` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { ok: false, line, reason: 'not a JSON object' };
  return { ok: true, line, value: value as Record<string, unknown> };
}

/** Bytes between newlines; at most one line is held, and of an over-long one nothing. */
async function* rawLines(
  chunks: AsyncIterable<Uint8Array>,
  maximumBytes: number,
): AsyncGenerator<Uint8Array | 'too long'> {
  let parts: Uint8Array[] = [];
  let held = 0;
  let tooLong = false;
  const take = (part: Uint8Array) => {
    held += part.length;
    if (held > maximumBytes) {
      tooLong = true;
      parts = [];
    } else parts.push(part);
  };
  const finish = () => {
    const finished = tooLong ? ('too long' as const) : joined(parts, held);
    parts = [];
    held = 0;
    tooLong = false;
    return finished;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      take(chunk.subarray(start, end));
      yield finish();
      start = end + 1;
    }
    if (start < chunk.length) take(chunk.slice(start));
  }
  if (held > 0) yield finish();
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
