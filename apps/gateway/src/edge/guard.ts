import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyRequest } from 'fastify';
import { Problem } from '#libs/http';
import { type Configuration, defineErrors } from '#libs/platform';

export const gatewayError = defineErrors({
  GATEWAY_TOKEN_REQUIRED: {
    message: 'the gateway does not listen beyond loopback without a token: set http.token or http.host to 127.0.0.1',
    retriable: false,
  },
});

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);
const guardedPaths = /^\/(v1|v2|metrics|docs|openapi\.\w+)(\/|$|-)/;
const openPaths = new Set(['/healthz', '/readyz', '/v2/health/live', '/v2/health/ready']);

export function isLoopback(host: string): boolean {
  return loopbackNames.has(host) || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Who may talk to the gateway. */
export class Guard {
  readonly #host: string;
  readonly #token: string;
  readonly #tokenFile: string;

  /** @throws TidemillError GATEWAY_TOKEN_REQUIRED */
  constructor(config: Pick<Configuration, 'http' | 'dataDirectory'>) {
    this.#host = config.http.host;
    this.#token = config.http.token;
    this.#tokenFile = join(config.dataDirectory, 'token');
    if (!isLoopback(this.#host) && this.#token === '')
      throw gatewayError('GATEWAY_TOKEN_REQUIRED', { detail: `http.host is ${this.#host}` });
  }

  /**
   * Refuses what a web page of somebody else could send, and what lacks the configured token.
   * @throws Problem 401 or 403
   */
  check(request: FastifyRequest): void {
    this.#checkHost(request);
    checkOrigin(request);
    if (this.#token === '' || isOpen(request)) return;
    if (!sameSecret(bearer(request), this.#token)) throw unauthorized('this gateway asks for a bearer token');
  }

  /**
   * For what even loopback does not get without a secret: the configured token, or the one in the data directory.
   * @throws Problem 401
   */
  requireToken(request: FastifyRequest): void {
    const expected = this.#token === '' ? readToken(this.#tokenFile) : this.#token;
    if (expected === undefined)
      throw unauthorized(
        `SQL needs a token, and none is configured: set http.token or write one to ${this.#tokenFile}`,
      );
    if (!sameSecret(bearer(request), expected))
      throw unauthorized(`SQL needs the bearer token of http.token or of ${this.#tokenFile}`);
  }

  /** On loopback the name in Host must be loopback too: a DNS name that points here belongs to a stranger's page. */
  #checkHost(request: FastifyRequest): void {
    if (!isLoopback(this.#host)) return;
    const name = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
    if (!isLoopback(name))
      throw new Problem(403, `Host ${JSON.stringify(name)} is not this machine: use localhost or 127.0.0.1`);
  }
}

/** A browser names the page that sends; only our own page may change things. */
function checkOrigin(request: FastifyRequest): void {
  const origin = request.headers.origin;
  if (origin === undefined || request.method === 'GET' || request.method === 'HEAD') return;
  const host = URL.canParse(origin) ? new URL(origin).host : origin;
  if (host !== request.headers.host) throw new Problem(403, `requests from pages of ${origin} are not accepted`);
}

/** Probes, and the dashboard's own files: the page asks for the token itself. */
function isOpen(request: FastifyRequest): boolean {
  const url = request.routeOptions.url ?? request.url;
  return openPaths.has(url) || !guardedPaths.test(url);
}

function bearer(request: FastifyRequest): string {
  return /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
}

/** Digests are compared, so that neither length nor content shows in the time taken. */
function sameSecret(given: string, expected: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function readToken(file: string): string | undefined {
  try {
    const token = readFileSync(file, 'utf8').trim();
    return token === '' ? undefined : token;
  } catch {
    return undefined;
  }
}

function unauthorized(detail: string): Problem {
  return new Problem(401, `${detail}: send "Authorization: Bearer …"`);
}
