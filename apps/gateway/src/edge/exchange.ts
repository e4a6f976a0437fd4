import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface ExchangeOptions {
  method: string;
  headers?: IncomingHttpHeaders;
  body?: string | Buffer | Readable | undefined;
  /** Ends the exchange, also while the answer's body is read. */
  signal: AbortSignal;
}

const protocols = {
  http: { request: http.request, agent: new http.Agent({ keepAlive: true }) },
  https: { request: https.request, agent: new https.Agent({ keepAlive: true }) },
};

/**
 * One HTTP exchange over a connection that is kept; resolves when the answer's headers are there.
 *
 * Not fetch: what it keeps of every request, until the garbage collector finds it, made the slowest hundredth of
 * predictions take three times as long. @throws whatever ended the connection before
 */
export async function exchange(
  url: string,
  { method, headers = {}, body, signal }: ExchangeOptions,
): Promise<IncomingMessage> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { request, agent } = url.startsWith('https:') ? protocols.https : protocols.http;
  const sent = request(url, { method, headers, agent }, resolve);
  const giveUp = () => void sent.destroy(signal.reason instanceof Error ? signal.reason : undefined);
  signal.addEventListener('abort', giveUp, { once: true });
  sent.once('close', () => signal.removeEventListener('abort', giveUp));
  sent.once('error', (error: NodeJS.ErrnoException) => {
    // The server closed a kept connection just when it was used again.
    const stale = sent.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted && !(body instanceof Readable);
    if (stale) resolve(exchange(url, { method, headers, body, signal }));
    else reject(error);
  });
  if (body instanceof Readable) pipeline(body, sent).catch(reject);
  else sent.end(body);
  return await promise;
}
