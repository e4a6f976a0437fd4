import type { z } from 'zod';
import { modelNamePattern } from '#libs/events';
import { Problem } from '#libs/http';
import { TidemillError } from '#libs/platform';

/** What the registry, the store and the model checks refuse, as the status a caller understands. */
const statuses: Readonly<Record<string, number>> = {
  UNKNOWN_MODEL: 404,
  UNKNOWN_VERSION: 404,
  UNKNOWN_RUN: 404,
  ARTIFACT_MISSING: 404,
  ILLEGAL_TRANSITION: 409,
  REGISTRY_CONFLICT: 409,
  ARCHIVE_INVALID: 422,
  BUNDLE_INVALID: 422,
  BUNDLE_DIGEST_MISMATCH: 422,
  BUNDLE_UNREADABLE: 503,
  MODEL_REFUSED: 422,
};

/**
 * @param legal what may be done instead of a transition that is refused
 * @throws Problem for what the caller can mend; everything else as it is
 */
export async function orProblem<T>(work: () => Promise<T>, legal?: () => string[]): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const status = error instanceof TidemillError ? statuses[error.code] : undefined;
    if (status === undefined || !(error instanceof TidemillError)) throw error;
    const instead = error.code === 'ILLEGAL_TRANSITION' && legal !== undefined ? { legal: legal() } : {};
    throw new Problem(status, error.message, { code: error.code, ...instead });
  }
}

/** @throws Problem 422 naming the field */
export function parsed<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path, message }) => ({ pointer: `/${path.join('/')}`, message }));
  throw new Problem(422, errors[0]?.message ?? 'the body is not valid', { errors });
}

/** @throws Problem 422 */
export function checkModelName(model: string): void {
  if (modelNamePattern.test(model)) return;
  throw new Problem(422, 'a model name has lower-case letters, digits and hyphens, at most 63', {
    errors: [{ pointer: '/model', message: 'not a model name' }],
  });
}
