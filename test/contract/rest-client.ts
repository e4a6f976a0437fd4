import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

interface Document {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, unknown> }> } | undefined>
  >;
}

export interface Answer {
  status: number;
  type: string;
  headers: Headers;
  body: unknown;
}

export interface Ask {
  method?: 'GET' | 'POST';
  body?: unknown;
  /** Sent as it is, with its media type. */
  raw?: { type: string; content: string | Uint8Array | ReadableStream };
  headers?: Record<string, string>;
}

/** Asks a gateway and holds every answer against its own OpenAPI document. */
export class RestClient {
  readonly url: string;
  readonly #document: Document;
  readonly #ajv: Ajv2020;

  static async connect(url: string, headers: Record<string, string> = {}): Promise<RestClient> {
    const response = await fetch(`${url}/openapi.json`, { headers });
    return new RestClient(url, (await response.json()) as Document);
  }

  private constructor(url: string, document: Document) {
    this.url = url;
    this.#document = document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    formats.default(this.#ajv);
    this.#ajv.addSchema(document, 'openapi');
  }

  /** Every operation, as `GET /v1/models`. */
  get operations(): string[] {
    return Object.entries(this.#document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask(path, { headers });
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask(path, { method: 'POST', body, headers });
  }

  async ask(path: string, { method = 'GET', body, raw, headers = {} }: Ask): Promise<Answer> {
    const sent = raw === undefined ? (body === undefined ? undefined : JSON.stringify(body)) : raw.content;
    const type = raw?.type ?? 'application/json';
    const init: RequestInit & { duplex?: 'half' } = { method, headers: { ...headers } };
    if (sent !== undefined) {
      init.body = sent as NonNullable<RequestInit['body']>;
      init.headers = { 'content-type': type, ...headers };
      if (sent instanceof ReadableStream) init.duplex = 'half';
    }
    const response = await fetch(`${this.url}${path}`, init);
    const text = await response.text();
    const answerType = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
    const answer = {
      status: response.status,
      type: answerType,
      headers: response.headers,
      body: answerType.endsWith('json') && answerType !== 'application/x-ndjson' ? (JSON.parse(text) as unknown) : text,
    };
    this.#check(method, path, answer);
    return answer;
  }

  #check(method: string, path: string, { status, type, body }: Answer): void {
    const template = this.#template(path.split('?')[0] ?? '', method.toLowerCase());
    if (template === undefined) return;
    const operation = this.#document.paths[template]?.[method.toLowerCase()];
    const declared = operation?.responses[String(status)];
    assert(declared !== undefined, `${method} ${template} answered ${status}, which is not documented`);
    const types = Object.keys(declared.content ?? {});
    assert(types.includes(type), `${method} ${template} ${status}: ${type} is not one of ${types.join(', ')}`);
    if (!type.endsWith('json') || type === 'application/x-ndjson') return;
    const pointer = ['paths', template, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema'];
    const escaped = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
    const validate = this.#ajv.compile({ $ref: `openapi#/${escaped.join('/')}` });
    assert(
      validate(body),
      `${method} ${path} ${status}: ${this.#ajv.errorsText(validate.errors)}\n${JSON.stringify(body)}`,
    );
  }

  #template(path: string, method: string): string | undefined {
    const fits = (template: string) =>
      new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path) &&
      this.#document.paths[template]?.[method];
    const found = Object.keys(this.#document.paths).filter(fits);
    // The most literal one, as routers do.
    return found.toSorted((a, b) => a.split('{').length - b.split('{').length)[0];
  }
}
