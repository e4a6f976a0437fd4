import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Logger, reasonOf, TidemillError } from '#libs/platform';
import { Problem, type ProblemDocument, titleOf } from './problem.ts';

/** Seconds after which a refused request may be tried again when nothing better is known. */
const defaultRetryAfter = 1;

/** Turns whatever a handler threw into problem+json; only what we did not foresee is logged as an error. */
export class ProblemFilter implements ExceptionFilter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const document = { ...toProblem(thrown), instance: request.url };
    if (document.status >= 500)
      this.#logger.error(
        { url: request.url, status: document.status, reason: reasonOf(thrown), error: thrown },
        'a request failed',
      );
    const retryAfter = thrown instanceof Problem ? thrown.retryAfter : undefined;
    sendProblem(http.getResponse<FastifyReply>(), document, retryAfter);
  }
}
// The decorator as a plain call: libs run unbuilt, without decorator syntax.
Catch()(ProblemFilter);

/** Answers with a problem document; nothing happens when the answer has already begun. */
export function sendProblem(reply: FastifyReply, document: ProblemDocument, retryAfter?: number): void {
  if (reply.sent) return;
  if (retryAfter !== undefined || document.status === 429 || document.status === 503)
    void reply.header('retry-after', String(retryAfter ?? defaultRetryAfter));
  void reply
    .code(document.status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .send(JSON.stringify(document));
}

/** The problem document of anything thrown. */
export function toProblem(thrown: unknown): ProblemDocument {
  if (thrown instanceof Problem) return thrown.document;
  if (thrown instanceof HttpException) {
    const status = thrown.getStatus();
    return { type: 'about:blank', title: titleOf(status), status, detail: thrown.message };
  }
  if (thrown instanceof TidemillError) {
    const status = thrown.retriable ? 503 : 500;
    return { type: 'about:blank', title: titleOf(status), status, detail: thrown.message, code: thrown.code };
  }
  const status = statusOf(thrown);
  const detail =
    status < 500 ? reasonOf(thrown) : 'something unforeseen went wrong; the log of the service has the details';
  return { type: 'about:blank', title: titleOf(status), status, detail };
}

/** Fastify's own errors (body too large, wrong media type, malformed JSON) carry a statusCode. */
function statusOf(thrown: unknown): number {
  if (typeof thrown === 'object' && thrown !== null && 'statusCode' in thrown && typeof thrown.statusCode === 'number')
    return thrown.statusCode;
  return 500;
}
