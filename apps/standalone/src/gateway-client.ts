import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { streamError } from './streams/errors.ts';

const problem = z.object({ detail: z.string() });

/** Longest time in which "not now" (429, 503) is waited out, in milliseconds. */
const patience = 120_000;

export interface Answer {
  status: number;
  body: unknown;
}

/** Speaks to the gateway as any other client would. */
export class GatewayClient {
  readonly url: string;
  readonly headers: Record<string, string>;
  /** Aborted when the client shall stop; every request rejects then. */
  readonly signal: AbortSignal;

  /** @param options.token empty: none is asked for */
  constructor(url: string, options: { token: string; signal: AbortSignal }) {
    this.url = url;
    this.headers = options.token === '' ? {} : { authorization: `Bearer ${options.token}` };
    this.signal = options.signal;
  }

  /** The answer, whatever its status but 429 and 503, which are waited out. */
  async call(path: string, init: { method?: string; body?: string; type?: string } = {}): Promise<Answer> {
    const headers = {
      ...this.headers,
      ...(init.body === undefined ? {} : { 'content-type': init.type ?? 'application/json' }),
    };
    for (let waited = 0; ;) {
      const response = await fetch(this.url + path, {
        method: init.method ?? 'GET',
        headers,
        signal: this.signal,
        ...(init.body === undefined ? {} : { body: init.body }),
      });
      const text = await response.text();
      const busy = response.status === 429 || response.status === 503;
      if (!busy || waited >= patience) return { status: response.status, body: parsed(text) };
      const pause = Math.max(0.2, Number(response.headers.get('retry-after') ?? 1)) * 1000;
      waited += pause;
      await delay(pause, undefined, { signal: this.signal });
    }
  }

  /** @throws TidemillError STREAM_REFUSED with the gateway's reason */
  async get<T>(path: string, shape: z.ZodType<T>): Promise<T> {
    return shape.parse(accepted(await this.call(path), path));
  }

  /** Undefined when there is no such thing (404). */
  async find<T>(path: string, shape: z.ZodType<T>): Promise<T | undefined> {
    const answer = await this.call(path);
    return answer.status === 404 ? undefined : shape.parse(accepted(answer, path));
  }

  /** @throws TidemillError STREAM_REFUSED with the gateway's reason */
  async post(path: string, body: unknown): Promise<unknown> {
    return accepted(await this.call(path, { method: 'POST', body: JSON.stringify(body) }), path);
  }

  /** One JSON document a line. */
  async postLines(path: string, lines: readonly unknown[]): Promise<unknown> {
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    return accepted(await this.call(path, { method: 'POST', body, type: 'application/x-ndjson' }), path);
  }
}

function accepted({ status, body }: Answer, path: string): unknown {
  if (status < 400) return body;
  const said = problem.safeParse(body);
  throw streamError('STREAM_REFUSED', { detail: `${path}: ${status} ${said.success ? said.data.detail : ''}`.trim() });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
