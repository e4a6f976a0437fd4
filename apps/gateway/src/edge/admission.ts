import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '#libs/http';
import type { Metrics } from '#libs/platform';

export interface AdmissionLimits {
  /** Requests worked on at once. */
  requests: number;
  /** Bytes of request bodies held at once. */
  bytes: number;
  /** Assumed size of a body that does not say its length. */
  unknownBytes: number;
}

/** Requests that do not count: probes must answer under overload, event streams have a limit of their own. */
const exempt = new Set(['/healthz', '/readyz', '/metrics', '/v1/events', '/v2/health/live', '/v2/health/ready']);

/**
 * Refuses work instead of queueing it: what is admitted is bounded in requests and bytes, so that memory does not grow
 * when the broker or inference is slower than the clients.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #metrics: Metrics;
  #requests = 0;
  #bytes = 0;

  constructor(limits: AdmissionLimits, metrics: Metrics) {
    this.#limits = limits;
    this.#metrics = metrics;
  }

  get requests(): number {
    return this.#requests;
  }

  /**
   * Takes a place until the connection is done with this answer.
   * @throws Problem 503 with Retry-After
   */
  admit(request: FastifyRequest, reply: FastifyReply): void {
    if (exempt.has(request.routeOptions.url ?? '')) return;
    const bytes = bodyBytes(request, this.#limits.unknownBytes);
    if (this.#requests >= this.#limits.requests || this.#bytes + bytes > this.#limits.bytes) {
      this.#metrics.increment('tidemill_http_refused_total');
      throw new Problem(503, 'the gateway is working at its limit; try again after the time in Retry-After', {
        retryAfter: 1,
      });
    }
    this.#requests++;
    this.#bytes += bytes;
    // `close` comes once, after the answer and also when the client goes away before it.
    reply.raw.once('close', () => {
      this.#requests--;
      this.#bytes -= bytes;
    });
  }
}

function bodyBytes(request: FastifyRequest, unknown: number): number {
  if (request.headers['transfer-encoding'] !== undefined) return unknown;
  const length = Number(request.headers['content-length'] ?? 0);
  // A streamed upload is read piece by piece: its length is not what it holds in memory.
  return Number.isFinite(length) ? Math.min(length, unknown) : unknown;
}
