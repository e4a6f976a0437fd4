import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '#libs/http';
import { reasonOf } from '#libs/platform';

export interface UpstreamOptions {
  /** What it is called in messages. */
  name: string;
  /** Base URLs, comma-separated; taken in turn. */
  urls: string;
  /** Longest wait for an answer, in milliseconds. */
  deadline: number;
}

export interface CallOptions {
  method?: 'GET' | 'POST';
  body?: unknown;
  signal?: AbortSignal;
  deadline?: number;
}

export interface UpstreamAnswer {
  status: number;
  body: unknown;
  retryAfter: string | undefined;
}

/** Another service of the loop, spoken to over HTTP. */
export class Upstream {
  readonly name: string;
  readonly #urls: string[];
  readonly #deadline: number;
  #turn = 0;

  constructor({ name, urls, deadline }: UpstreamOptions) {
    this.name = name;
    this.#urls = urls
      .split(',')
      .map((url) => url.trim().replace(/\/$/, ''))
      .filter((url) => url !== '');
    this.#deadline = deadline;
  }

  get instances(): readonly string[] {
    return this.#urls;
  }

  /**
   * The JSON answer, whatever its status.
   * @throws Problem 503 when no instance can be reached or none answers in time
   */
  async call(path: string, options: CallOptions = {}): Promise<UpstreamAnswer> {
    const response = await this.#fetch(path, options.signal, options.deadline, {
      method: options.method ?? 'GET',
      ...(options.body === undefined
        ? {}
        : { body: JSON.stringify(options.body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text().catch((error: unknown) => {
      throw this.#unreachable(error);
    });
    return {
      status: response.status,
      body: parsed(text),
      retryAfter: response.headers.get('retry-after') ?? undefined,
    };
  }

  /**
   * The body of a successful answer.
   * @throws Problem the one the service answered with, or as `call`
   */
  async json(path: string, options: CallOptions = {}): Promise<unknown> {
    const answer = await this.call(path, options);
    if (answer.status < 400) return answer.body;
    throw asProblem(answer, this.name);
  }

  /** Hands a request on and its answer back, both as streams; JSON bodies that were parsed are written again. */
  async forward(request: FastifyRequest, reply: FastifyReply, { path, deadline }: { path: string; deadline?: number }) {
    const headers: Record<string, string> = {};
    for (const name of ['content-type', 'accept', 'idempotency-key']) {
      const value = request.headers[name];
      if (typeof value === 'string') headers[name] = value;
    }
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const body = request.body;
    const init: RequestInit & { duplex?: 'half' } = { method: request.method, headers };
    if (body instanceof Readable) {
      init.body = Readable.toWeb(body) as ReadableStream;
      init.duplex = 'half';
    } else if (body !== undefined && body !== null) init.body = JSON.stringify(body);
    const response = await this.#fetch(path, gone.signal, deadline, init);
    for (const name of ['content-type', 'retry-after', 'location', 'etag']) {
      const value = response.headers.get(name);
      if (value !== null) void reply.header(name, value);
    }
    void reply.code(response.status);
    return response.body === null ? reply.send() : reply.send(Readable.fromWeb(response.body));
  }

  /** Tries each instance once; only a connection that was refused is tried elsewhere. */
  async #fetch(path: string, signal: AbortSignal | undefined, deadline: number | undefined, init: RequestInit) {
    if (this.#urls.length === 0)
      throw new Problem(503, `no ${this.name} service is configured: set ${this.name}.url`, { retryAfter: 5 });
    const timeout = AbortSignal.timeout(deadline ?? this.#deadline);
    const signals = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const first = this.#turn++;
    let failure: unknown;
    for (let attempt = 0; attempt < this.#urls.length; attempt++) {
      const url = this.#urls[(first + attempt) % this.#urls.length] ?? '';
      try {
        return await fetch(`${url}${path}`, { ...init, signal: signals });
      } catch (error) {
        failure = error;
        if (timeout.aborted)
          throw new Problem(503, `${this.name} did not answer in ${(deadline ?? this.#deadline) / 1000} s`, {
            retryAfter: 1,
          });
        if (signal?.aborted === true || init.body instanceof ReadableStream) break;
      }
    }
    throw this.#unreachable(failure);
  }

  #unreachable(error: unknown): Problem {
    return new Problem(503, `${this.name} cannot be reached: ${reasonOf(error)}`, { retryAfter: 1 });
  }
}

/** An error answer of another service as our own. */
export function asProblem({ status, body, retryAfter }: UpstreamAnswer, name: string): Problem {
  const seconds = Number(retryAfter);
  const extras = Number.isFinite(seconds) && retryAfter !== undefined ? { retryAfter: seconds } : {};
  if (typeof body !== 'object' || body === null) return new Problem(status, `${name} answered ${status}`, extras);
  const {
    type: _type,
    title: _title,
    status: _status,
    instance: _instance,
    detail,
    ...rest
  } = body as Record<string, unknown>;
  return new Problem(status, typeof detail === 'string' ? detail : `${name} answered ${status}`, {
    ...rest,
    ...extras,
  });
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
