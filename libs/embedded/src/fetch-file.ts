import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { reasonOf } from '#libs/platform';

export interface FetchFile {
  /** http, https or file. */
  url: URL;
  headers: Record<string, string>;
  /** Path of the finished file. Until then its bytes are in `<target>.part`. */
  target: string;
  /** Bytes. */
  size: number;
  /** Whether the file at the path has the right bytes. */
  matches: (path: string) => Promise<boolean>;
  /** Called with the number of bytes that are there by now. */
  onPosition: (bytes: number) => void;
  /** Milliseconds before the second attempt; doubled before each further one. Default 500. */
  pause?: number;
  signal?: AbortSignal | undefined;
}

export type FetchResult =
  | 'fetched'
  | { code: 'ARTIFACT_UNREACHABLE' | 'ARTIFACT_ALTERED'; reason: string; cause: unknown };

const attempts = 4;
/** Milliseconds without a byte after which a download is taken up anew. */
const stalled = 30_000;

/**
 * Fetches a file of known size and digest. A cut download is taken up where it ended, also by a later process; nothing
 * but the right bytes ever gets the target's name.
 * @throws what the signal brings when it is aborted
 */
export async function fetchFile(file: FetchFile): Promise<FetchResult> {
  const part = `${file.target}.part`;
  let failure: FetchResult = { code: 'ARTIFACT_UNREACHABLE', reason: '', cause: undefined };
  // A folder gives the same answer every time.
  const last = file.url.protocol === 'file:' ? 1 : attempts;
  for (let attempt = 1; attempt <= last; attempt++) {
    if (attempt > 1) await delay((file.pause ?? 500) * 2 ** (attempt - 2), undefined, { signal: file.signal });
    try {
      await download(file, part);
      if (await file.matches(part)) {
        await rename(part, file.target);
        return 'fetched';
      }
      await rm(part);
      failure = { code: 'ARTIFACT_ALTERED', reason: 'its sha512 is another', cause: undefined };
    } catch (error) {
      file.signal?.throwIfAborted();
      failure = { code: 'ARTIFACT_UNREACHABLE', reason: reasonOf(error), cause: error };
      if (error instanceof HttpStatus && error.final) return failure;
    }
  }
  return failure;
}

/** Appends what is missing to the part; a part longer than the file is begun anew. */
async function download({ url, headers, size, onPosition, signal: closing }: FetchFile, part: string): Promise<void> {
  let start = (await stat(part).catch(() => undefined))?.size ?? 0;
  if (start === size && size > 0) return;
  if (start > size) start = 0;
  const stall = new AbortController();
  const timer = setTimeout(() => stall.abort(new Error(`no byte for ${stalled / 1000} s`)), stalled);
  const signal = AbortSignal.any(closing === undefined ? [stall.signal] : [stall.signal, closing]);
  try {
    const { body, from } = await open(url, { headers, start, signal });
    let position = from;
    onPosition(position);
    const counter = new Transform({
      transform(chunk: Buffer, _, done) {
        timer.refresh();
        onPosition((position += chunk.length));
        done(null, chunk);
      },
    });
    await pipeline(body, counter, createWriteStream(part, { flags: from > 0 ? 'a' : 'w' }), { signal });
  } finally {
    clearTimeout(timer);
  }
}

/** `from`: the offset that the body begins at; 0 when the server does not serve ranges. */
async function open(
  url: URL,
  { headers, start, signal }: { headers: Record<string, string>; start: number; signal: AbortSignal },
): Promise<{ body: Readable; from: number }> {
  if (url.protocol === 'file:') return { body: createReadStream(fileURLToPath(url), { start }), from: start };
  const range = start > 0 ? { range: `bytes=${start}-` } : {};
  const response = await fetch(url, { headers: { ...headers, ...range }, signal });
  if (!response.ok || response.body === null) throw new HttpStatus(response.status);
  return {
    body: Readable.fromWeb(response.body as ReadableStream<Uint8Array>),
    from: response.status === 206 ? start : 0,
  };
}

/** An answer that is not the file. */
class HttpStatus extends Error {
  /** True when asking again will not help. */
  readonly final: boolean;
  constructor(status: number) {
    super(`the server answered ${status}`);
    this.final = status >= 400 && status < 500 && status !== 408 && status !== 429 && status !== 416;
  }
}
