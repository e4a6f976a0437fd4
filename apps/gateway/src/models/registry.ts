import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Upstream } from '../edge/upstream.ts';

const answerDeadline = 30_000;

const modelDetail = z.object({
  model: z.string(),
  labels: z.array(z.string()).optional(),
  serving: z.object({ version: z.number(), epoch: z.number() }).nullish(),
  challengers: z
    .array(z.object({ version: z.number(), role: z.string(), share: z.number(), since: z.string() }))
    .default([]),
  versions: z.array(z.object({ version: z.number(), labels: z.array(z.string()).optional() })),
});
export type ModelDetail = z.output<typeof modelDetail>;

/** The registry behind the retraining service. */
export class Registry {
  readonly upstream: Upstream;

  constructor(url: string) {
    this.upstream = new Upstream({ name: 'retraining', urls: url, deadline: answerDeadline });
  }

  /** Hands the request on under its own path. */
  forward(request: FastifyRequest, reply: FastifyReply, deadline?: number) {
    return this.upstream.forward(request, reply, {
      // A request line may name the whole URL (RFC 9112, 3.2.2); the host in it is not asked.
      path: request.url.replace(/^https?:\/\/[^/?]*/i, ''),
      ...(deadline === undefined ? {} : { deadline }),
    });
  }

  /** @throws Problem 404 for an unknown model */
  model(name: string): Promise<ModelDetail> {
    return this.upstream.json(`/v1/models/${encodeURIComponent(name)}`, modelDetail);
  }
}
