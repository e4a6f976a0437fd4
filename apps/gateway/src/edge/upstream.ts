import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { clientGone, Problem } from '#libs/http';
import { Deadline, reasonOf } from '#libs/platform';
import { exchange, type ExchangeOptions } from './exchange.ts';

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

  /** Each instance by itself. */
  get each(): Upstream[] {
    return this.#urls.map((urls) => new Upstream({ name: this.name, urls, deadline: this.#deadline }));
  }

  /**
   * The JSON answer, whatever its status.
   * @throws Problem 503 when no instance can be reached or none answers in time
   */
  async call(path: string, options: CallOptions = {}): Promise<UpstreamAnswer> {
    using deadline = new Deadline(options.deadline ?? this.#deadline, options.signal);
    const { signal } = deadline;
    const response = await this.#exchange(path, {
      method: options.method ?? 'GET',
      ...(options.body === undefined
        ? {}
        : { body: JSON.stringify(options.body), headers: { 'content-type': 'application/json' } }),
      signal,
    });
    const body = await text(response).catch((error: unknown) => {
      throw this.#unreachable(signal.aborted ? signal.reason : error);
    });
    return { status: response.statusCode ?? 0, body: parsed(body), retryAfter: response.headers['retry-after'] };
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
    const limit = new Deadline(deadline, clientGone(reply));
    reply.raw.once('close', () => limit[Symbol.dispose]());
    const given: unknown = request.body;
    const body = given instanceof Readable ? given : given === undefined || given === null ? undefined : written(given);
    const response = await this.#exchange(path, { method: request.method, headers, body, signal: limit.signal });
    const status = response.statusCode ?? 0;
    // A proxy before the service speaks for itself.
    if (status > 500 && response.headers['content-type']?.includes('problem+json') !== true) {
      response.resume();
      throw asProblem({ status, body: undefined, retryAfter: undefined }, this.name);
    }
    for (const name of ['content-type', 'retry-after', 'location', 'etag']) {
      const value = response.headers[name];
      if (value !== undefined) void reply.header(name, value);
    }
    return reply.code(status).send(response);
  }

  /** Tries each instance once; a request whose body is a stream, or that nobody waits for any more, is not repeated. */
  async #exchange(path: string, options: ExchangeOptions): Promise<IncomingMessage> {
    if (this.#urls.length === 0)
      throw new Problem(503, `no ${this.name} service is configured: set ${this.name}.url`, { retryAfter: 5 });
    if (dotSegment.test(path.split('?')[0] ?? '')) throw new Problem(400, '"." and ".." are no names in a path');
    const first = this.#turn++;
    let failure: unknown;
    for (let attempt = 0; attempt < this.#urls.length; attempt++) {
      const url = this.#urls[(first + attempt) % this.#urls.length] ?? '';
      try {
        return await exchange(`${url}${path}`, options);
      } catch (error) {
        failure = options.signal.aborted ? options.signal.reason : error;
        if (options.signal.aborted || options.body instanceof Readable) break;
      }
    }
    throw this.#unreachable(failure);
  }

  #unreachable(error: unknown): Problem {
    // Not the service is away, but who asked.
    if (error instanceof Problem) return error;
    const late = error instanceof DOMException && error.name === 'TimeoutError';
    const why = late ? 'did not answer in time' : `cannot be reached: ${reasonOf(error)}`;
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
