import type { FastifyInstance } from 'fastify';
import type { ProblemDocument } from '#libs/http';

/** The protocol has an error shape of its own, `{"error": "…"}`, and knows a request that does not fit as 400. */
export function protocolErrors(fastify: FastifyInstance): void {
  fastify.addHook('onSend', async (request, reply, payload) => {
    const type = reply.getHeader('content-type');
    const problem = typeof type === 'string' && type.startsWith('application/problem+json');
    if (!problem || typeof payload !== 'string' || !/^\/v2(\/|$|\?)/.test(request.url)) return payload;
    const { status, detail } = JSON.parse(payload) as ProblemDocument;
    void reply.code(status === 422 ? 400 : status).header('content-type', 'application/json; charset=utf-8');
    return JSON.stringify({ error: detail });
  });
}
