import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Problem, toProblem } from '#libs/http';

/** The protocol has an error shape of its own: `{"error": "…"}`. */
@Catch()
export class OpenInferenceFilter implements ExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { status, detail } = toProblem(thrown);
    const retryAfter = thrown instanceof Problem ? thrown.retryAfter : undefined;
    if (retryAfter !== undefined || status === 429 || status === 503)
      void reply.header('retry-after', String(retryAfter ?? 1));
    // Clients of the protocol know a malformed request as 400.
    void reply.code(status === 422 ? 400 : status).send({ error: detail });
  }
}
