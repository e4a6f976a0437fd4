import { z } from 'zod';

/** One endpoint; named schemas become components, `record:` ones come from the Avro schemas of the topics. */
export interface Operation {
  method: 'get' | 'post';
  path: string;
  tag: string;
  summary: string;
  status: number;
  /** Media type to schema, or to the name of a component. */
  answers: Record<string, z.ZodType | string>;
  body?: Record<string, z.ZodType | string>;
  bodyRequired?: boolean;
  query?: z.ZodType;
  headers?: Record<string, string>;
  /** What 503 says besides an error. */
  unavailable?: z.ZodType;
  /** Error statuses beyond those of every endpoint. */
  errors?: number[];
}

export const json = (schema: z.ZodType | string) => ({ 'application/json': schema });

/** What is not JSON. */
export const anyBytes = z.string();
