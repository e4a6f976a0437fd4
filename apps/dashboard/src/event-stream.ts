import { EventSourceParserStream } from 'eventsource-parser/stream';
import { request, Refused } from './gateway.ts';

export interface FollowOptions {
  signal: AbortSignal;
  onEvent: (name: string, data: string) => void;
  /** Called each time the stream ends or cannot be had; it is tried again by itself. */
  onLost: (refused: Refused) => void;
}

const shortestWait = 500;
const longestWait = 8000;
/** The gateway sends something every 15 s; after this long without a byte the connection is dead, whatever TCP says. */
const silence = 40_000;

/**
 * Follows /v1/events and takes it up where it was. The browser's own EventSource cannot send a token, does not say why
 * it is refused, and waits for a dead connection for ever.
 */
export async function followEvents({ signal, onEvent, onLost }: FollowOptions): Promise<void> {
  let last: string | undefined;
  let wait = shortestWait;
  while (!signal.aborted) {
    const connection = new AbortController();
    const either = AbortSignal.any([signal, connection.signal]);
    let quiet = setTimeout(() => connection.abort(), silence);
    const heard = () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => connection.abort(), silence);
    };
    try {
      const headers = { accept: 'text/event-stream', ...(last === undefined ? {} : { 'last-event-id': last }) };
      const { body } = await request('v1/events', { signal: either, headers });
      if (body === null) throw new Refused(0, 'the gateway sends no events');
      const reader = body
        .pipeThrough(
          new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
            transform: (chunk, to) => (heard(), to.enqueue(chunk)),
          }),
        )
        .pipeThrough(new TextDecoderStream())
        .pipeThrough(new EventSourceParserStream())
        .getReader();
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        wait = shortestWait;
        last = next.value.id ?? last;
        onEvent(next.value.event ?? 'message', next.value.data);
      }
      onLost(new Refused(0, 'the gateway closed the connection'));
    } catch (error) {
      if (signal.aborted) return;
      onLost(error instanceof Refused ? error : new Refused(0, 'the connection broke off'));
    } finally {
      clearTimeout(quiet);
    }
    await pause(wait, signal);
    wait = Math.min(wait * 2, longestWait);
  }
}

/** Ends early when the signal does, or the machine is online again. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = new AbortController();
    const finish = () => {
      done.abort();
      resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    done.signal.addEventListener('abort', () => clearTimeout(timer));
    signal.addEventListener('abort', finish, { signal: done.signal });
    addEventListener('online', finish, { signal: done.signal });
  });
}
