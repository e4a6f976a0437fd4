import type { FastifyReply } from 'fastify';
import { Problem } from './problem.ts';

/** Aborts when the connection closes before the answer is out: nobody waits for it any more. */
export function clientGone({ raw: response }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  // `close` comes after every answer, too. The status is for nobody but the log.
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new Problem(499, 'the client went away before it was answered'));
  });
  return gone.signal;
}
