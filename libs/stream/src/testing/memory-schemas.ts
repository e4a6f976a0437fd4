import type { TopicDefinition } from '#libs/events';
import { reasonOf } from '#libs/platform';
import { parseSchema } from '../codec/bounded-types.ts';
import type { SchemaStore } from '../codec/schema-store.ts';
import { streamError } from '../errors.ts';

/** A schema registry in memory. BACKWARD looks at the newest schema, FULL_TRANSITIVE at all, both ways. */
export class MemorySchemas implements SchemaStore {
  readonly #schemas: string[] = [];
  readonly #subjects = new Map<string, number[]>();
  /** Set: every call fails as if the registry were down. */
  unavailable = false;
  /** Calls of `find`. */
  lookups = 0;

  async register(subject: string, schema: string, compatibility: TopicDefinition['compatibility']): Promise<number> {
    if (this.unavailable) throw streamError('REGISTRY_UNAVAILABLE');
    const versions = this.#subjects.get(subject) ?? [];
    const known = versions.find((id) => this.#schemas[id - 1] === schema);
    if (known !== undefined) return known;
    const compared = compatibility === 'FULL_TRANSITIVE' ? versions : versions.slice(-1);
    for (const id of compared) this.#compare(subject, schema, { old: this.#schemas[id - 1] ?? '', compatibility });
    const id = this.#schemas.push(schema);
    this.#subjects.set(subject, [...versions, id]);
    return id;
  }

  async find(id: number): Promise<string | undefined> {
    this.lookups++;
    if (this.unavailable) throw streamError('REGISTRY_UNAVAILABLE');
    return this.#schemas[id - 1];
  }

  #compare(subject: string, schema: string, { old, compatibility }: { old: string; compatibility: string }): void {
    try {
      parseSchema(schema).createResolver(parseSchema(old));
      if (compatibility === 'FULL_TRANSITIVE') parseSchema(old).createResolver(parseSchema(schema));
    } catch (error) {
      throw streamError('SCHEMA_INCOMPATIBLE', { detail: `${subject}: ${reasonOf(error)}`, cause: error });
    }
  }
}
