import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import type { TopicDefinition } from '#libs/events';
import { reasonOf } from '#libs/platform';
import { streamError } from '../errors.ts';
import type { SchemaStore } from './schema-store.ts';

export interface RegistrySettings {
  /** Base URL of the Confluent API, for Apicurio `…/apis/ccompat/v7`. */
  url: string;
  username?: string | undefined;
  password?: string | undefined;
  clientId: string;
  /** The client itself knows no time-out; default 10 s. */
  timeout?: number | undefined;
}

/** A registry that speaks Confluent's API. Ids that do not exist are remembered by the codec, the client forgets them. */
export class ConfluentRegistry implements SchemaStore {
  readonly #registry: SchemaRegistry;
  readonly #timeout: number;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor({ url, username, password, clientId, timeout }: RegistrySettings) {
    this.#agent = url.startsWith('https:') ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
    this.#timeout = timeout ?? 10_000;
    this.#registry = new SchemaRegistry({
      host: url,
      clientId,
      agent: this.#agent,
      retry: { retries: 2, maxRetryTimeInSecs: 1, initialRetryTimeInSecs: 0.1 },
      ...(username === undefined || username === '' ? {} : { auth: { username, password: password ?? '' } }),
    });
  }

  async register(subject: string, schema: string, compatibility: TopicDefinition['compatibility']): Promise<number> {
    try {
      const { id } = await this.#within(
        this.#registry.register(
          { type: SchemaType.AVRO, schema },
          { subject, compatibility: COMPATIBILITY[compatibility] },
        ),
      );
      return id;
    } catch (error) {
      throw this.#asError(error, subject);
    }
  }

  async find(id: number): Promise<string | undefined> {
    try {
      const type = await this.#within(this.#registry.getSchema(id));
      // Protobuf and JSON schemas have no Avro form.
      return 'schema' in type && typeof type.schema === 'function' ? JSON.stringify(type.schema()) : undefined;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      if (statusOf(error) === undefined && !(error instanceof DeadlineError)) return undefined;
      throw this.#asError(error, `schema ${id}`);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #within<R>(request: Promise<R>): Promise<R> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new DeadlineError(`no answer in ${this.#timeout} ms`)), this.#timeout);
    try {
      return await Promise.race([request, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #asError(error: unknown, what: string) {
    const status = statusOf(error);
    const refused = status === 409 || status === 422 || reasonOf(error).startsWith('Compatibility does not match');
    return streamError(refused ? 'SCHEMA_INCOMPATIBLE' : 'REGISTRY_UNAVAILABLE', {
      detail: `${what}: ${reasonOf(error)}`,
      cause: error,
    });
  }
}

class DeadlineError extends Error {}

/** HTTP status of the client's error; other errors come from reading what the registry answered. */
function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'status' in error && typeof error.status === 'number' ? error.status : undefined;
}
