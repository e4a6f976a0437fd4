import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CliError } from './cli-error.ts';
import { type CommonOptions, configuration } from './options.ts';

const defaultUrl = 'http://127.0.0.1:8080';

/** What the running product writes into its data directory. */
export interface RunningGateway {
  url?: string;
  pid?: number;
  brokers?: string;
  registryUrl?: string;
}

export async function runningGateway(dataDirectory: string): Promise<RunningGateway> {
  try {
    return JSON.parse(await readFile(join(dataDirectory, 'gateway.json'), 'utf8')) as RunningGateway;
  } catch {
    return {};
  }
}

interface Problem {
  status: number;
  detail: string;
  errors?: { pointer: string; message: string }[];
  /** Models there are, with 404. */
  known?: string[];
  /** Transitions there are, with 409. */
  legal?: string[];
}

/** An answer that is an error. */
export class GatewayError extends CliError {
  readonly status: number;
  readonly problem: Problem;
  /** Milliseconds after which it may be tried again. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, retryAfter: number | undefined) {
    super(sentence(problem));
    this.status = problem.status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

export interface CallOptions {
  method?: 'GET' | 'POST';
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is. */
  stream?: { type: string; body: ReadableStream };
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Longest time in which overload is waited out, in milliseconds. */
const patience = 60_000;
/** Longest wait for an answer that is not a stream, in milliseconds. */
const answerWithin = 120_000;

/** Speaks to the gateway. */
export class GatewayClient {
  readonly url: string;
  readonly #token: string;

  /** The gateway of --url, of the data directory, or the usual address. */
  static async open(options: CommonOptions): Promise<GatewayClient> {
    const { config } = await configuration(options);
    const { url = defaultUrl } = options.url === undefined ? await runningGateway(config.dataDirectory) : options;
    if (!URL.canParse(url))
      throw new CliError(`--url ${url} is not a URL; write it as http://HOST:PORT`, { exitCode: 2 });
    const configured = options.token ?? config.http.token;
    return new GatewayClient(
      url.replace(/\/$/, ''),
      configured === '' ? await storedToken(config.dataDirectory) : configured,
    );
  }

  private constructor(url: string, token: string) {
    this.url = url;
    this.#token = token;
  }

  /** @throws GatewayError, CliError when nobody answers, or not `within` milliseconds; uploads take the time they take */
  async json<T>(path: string, options: Omit<CallOptions, 'signal'> = {}, within = answerWithin): Promise<T> {
    const limit = options.stream === undefined ? AbortSignal.timeout(within) : undefined;
    try {
      const response = await this.raw(path, limit === undefined ? options : { ...options, signal: limit });
      return (await response.json()) as T;
    } catch (cause) {
      if (limit?.aborted !== true) throw cause;
      throw new CliError(
        `the gateway at ${this.url} has not answered within ${within / 1000} s; logs/tidemill.log in its data directory says more`,
        { cause },
      );
    }
  }

  post<T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
    return this.json<T>(path, { method: 'POST', body, headers });
  }

  /** The same, waiting out overload; `body` must be the same records each time. */
  async patientPost<T>(path: string, body: unknown, headers: Record<string, string>): Promise<T> {
    for (let waited = 0; ;) {
      try {
        return await this.post<T>(path, body, headers);
      } catch (error) {
        if (!(error instanceof GatewayError) || ![429, 503].includes(error.status) || waited >= patience) throw error;
        const pause = error.retryAfter ?? 1000;
        waited += pause;
        await delay(pause);
      }
    }
  }

  async raw(path: string, { method = 'GET', body, stream, headers = {}, signal }: CallOptions = {}): Promise<Response> {
    const init: RequestInit & { duplex?: 'half' } = { method, headers: { ...headers } };
    const sent = new Headers(headers);
    if (this.#token !== '') sent.set('authorization', `Bearer ${this.#token}`);
    if (stream !== undefined) {
      sent.set('content-type', stream.type);
      init.body = stream.body;
      init.duplex = 'half';
    } else if (body !== undefined) {
      sent.set('content-type', 'application/json');
      init.body = JSON.stringify(body);
    }
    init.headers = sent;
    if (signal !== undefined) init.signal = signal;
    let response: Response;
    try {
      response = await fetch(`${this.url}${path}`, init);
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      throw new CliError(`no gateway answers at ${this.url}; start one with \`npm start\`, or name it with --url`, {
        cause,
      });
    }
    if (response.ok) return response;
    throw await gatewayError(response);
  }
}

/** The detail, and what there is instead of what was asked for. */
function sentence({ status, detail, known, legal, errors }: Problem): string {
  // A statement is all there is: where it is wrong needs no pointer.
  if (errors?.length === 1 && errors[0]?.pointer === '/sql') return errors[0].message;
  const rather = (known ?? legal ?? []).join(', ');
  if (status === 401) return `${detail}; here: --token TOKEN, or --data-dir DIR of the Tidemill that runs`;
  return detail.includes(rather) ? detail : `${detail}; ${known === undefined ? 'legal' : 'known'}: ${rather}`;
}

async function gatewayError(response: Response): Promise<GatewayError> {
  const text = await response.text();
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN) * 1000;
  return new GatewayError(problemOf(response.status, text), Number.isNaN(retryAfter) ? undefined : retryAfter);
}

function problemOf(status: number, text: string): Problem {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && 'detail' in parsed && typeof parsed.detail === 'string')
      return { ...parsed, status, detail: parsed.detail };
  } catch {
    // not a problem document
  }
  return { status, detail: `the gateway answered ${status}` };
}

async function storedToken(dataDirectory: string): Promise<string> {
  try {
    return (await readFile(join(dataDirectory, 'token'), 'utf8')).trim();
  } catch {
    return '';
  }
}
