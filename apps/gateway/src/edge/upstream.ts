import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
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

/** Segments that URLs resolve: a name like this would ask for another path than the one that was checked. */
const dotSegment = /\/(\.|%2e){1,2}(\/|$)/i;

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
    const deadline = options.deadline ?? this.#deadline;
    const response = await this.#fetch(path, options.signal, deadline, {
      method: options.method ?? 'GET',
      ...(options.body === undefined
        ? {}
        : { body: JSON.stringify(options.body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text().catch((error: unknown) => {
      throw this.#unreachable(error, deadline);
    });
    return {
      status: response.status,
      body: parsed(text),
      retryAfter: response.headers.get('retry-after') ?? undefined,
    };
  }

  /**
   * The body of a successful answer, in the form of the schema.
   * @throws Problem the one the service answered with, 503 for an answer no service of ours gives, or as `call`
   */
  async json<T extends z.ZodType>(path: string, schema: T, options: CallOptions = {}): Promise<z.output<T>> {
    const answer = await this.call(path, options);
    if (answer.status >= 400) throw asProblem(answer, this.name);
    const parsed = schema.safeParse(answer.body);
    if (parsed.success) return parsed.data;
    throw new Problem(503, `${this.name} answered what is not understood; is ${this.name}.url its address?`, {
      retryAfter: 1,
    });
  }

  /** Hands a request on and its answer back, both as streams; JSON bodies that were parsed are written again. */
  async forward(
    request: FastifyRequest,
    reply: FastifyReply,
    { path, deadline = this.#deadline }: { path: string; deadline?: number },
  ) {
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
    } else if (body !== undefined && body !== null) init.body = written(body);
    const response = await this.#fetch(path, gone.signal, deadline, init);
    // A proxy before the service speaks for itself.
    if (response.status > 500 && response.headers.get('content-type')?.includes('problem+json') !== true) {
      await response.body?.cancel();
      throw asProblem({ status: response.status, body: undefined, retryAfter: undefined }, this.name);
    }
    for (const name of ['content-type', 'retry-after', 'location', 'etag']) {
      const value = response.headers.get(name);
      if (value !== null) void reply.header(name, value);
    }
    void reply.code(response.status);
    return response.body === null ? reply.send() : reply.send(Readable.fromWeb(response.body));
  }

  /** Tries each instance once; a request whose body is a stream, or that nobody waits for any more, is not repeated. */
  async #fetch(path: string, signal: AbortSignal | undefined, deadline: number, init: RequestInit) {
    if (this.#urls.length === 0)
      throw new Problem(503, `no ${this.name} service is configured: set ${this.name}.url`, { retryAfter: 5 });
    if (dotSegment.test(path.split('?')[0] ?? '')) throw new Problem(400, '"." and ".." are no names in a path');
    const timeout = AbortSignal.timeout(deadline);
    const signals = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const first = this.#turn++;
    let failure: unknown;
    for (let attempt = 0; attempt < this.#urls.length; attempt++) {
      const url = this.#urls[(first + attempt) % this.#urls.length] ?? '';
      try {
        return await fetch(`${url}${path}`, { ...init, signal: signals });
      } catch (error) {
        failure = error;
        if (signals.aborted || init.body instanceof ReadableStream) break;
      }
    }
    throw this.#unreachable(failure, deadline);
  }

  #unreachable(error: unknown, deadline: number): Problem {
    const late = error instanceof DOMException && error.name === 'TimeoutError';
    const why = late ? `did not answer in ${deadline / 1000} s` : `cannot be reached: ${reasonOf(error)}`;
    return new Problem(503, `${this.name} ${why}`, { retryAfter: 1 });
  }
}

/** An error answer of another service as our own. */
function asProblem({ status, body, retryAfter }: UpstreamAnswer, name: string): Problem {
  const seconds = Number(retryAfter);
  const extras = Number.isFinite(seconds) && retryAfter !== undefined ? { retryAfter: seconds } : {};
  if (typeof body !== 'object' || body === null)
    return new Problem(status > 500 ? 503 : status, `${name} answered ${status}`, extras);
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

/** @throws Problem 400 for what could be read but is nested too deeply to be written again */
function written(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch {
    throw new Problem(400, 'the body is nested too deeply');
  }
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
