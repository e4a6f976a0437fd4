import type { TopicDefinition } from '#libs/events';

/** Where schemas have numbers. */
export interface SchemaStore {
  /**
   * The id of `schema` under `subject`, registered if new.
   * @throws TidemillError SCHEMA_INCOMPATIBLE with the registry's own reason, REGISTRY_UNAVAILABLE.
   */
  register(subject: string, schema: string, compatibility: TopicDefinition['compatibility']): Promise<number>;
  /**
   * The schema as JSON text; undefined when there is none of that id or it is not Avro.
   * @throws TidemillError REGISTRY_UNAVAILABLE: try again, the record may be a good one.
   */
  find(id: number): Promise<string | undefined>;
}
