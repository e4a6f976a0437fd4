import { z } from 'zod';
import { type FieldProblem, Problem } from '#libs/http';
import { modelNamePattern } from '#libs/events';

/** Only the first ones are told: an array of a thousand wrong records is one mistake. */
const shownProblems = 20;

/**
 * The value in the form of the schema.
 * @throws Problem 422 with a JSON pointer to each field that is wrong
 */
export function parseInput<T extends z.ZodType>(schema: T, value: unknown, prefix = ''): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(fieldProblems(parsed.error, prefix));
}

export function invalid(errors: FieldProblem[]): Problem {
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const where = first?.pointer === undefined || first.pointer === '' ? 'the body' : first.pointer;
  return new Problem(422, `${where}: ${first?.message ?? 'not valid'}${more}`, {
    errors: errors.slice(0, shownProblems),
  });
}

function fieldProblems(error: z.ZodError, prefix: string): FieldProblem[] {
  return error.issues.flatMap((issue) => {
    const at = (path: readonly PropertyKey[]) => `${prefix}${pointer(path)}`;
    return issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ pointer: at([...issue.path, key]), message: 'is not a field here' }))
      : [{ pointer: at(issue.path), message: issue.message }];
  });
}

/** RFC 6901. */
function pointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

const durationUnits = { ms: 1, s: 1000, m: 60_000 } as const;

/** `5s`, `500ms`, `1m`, or a number of seconds; milliseconds out. */
export const duration = z.string().transform((value, context) => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(value);
  if (match === null) {
    context.addIssue({ code: 'custom', message: 'must be a duration such as 500ms, 5s or 1m' });
    return z.NEVER;
  }
  const unit = match[2] === 'ms' || match[2] === 'm' ? match[2] : 's';
  return Number(match[1]) * durationUnits[unit];
});

export const modelName = z
  .string()
  .regex(modelNamePattern, 'must be a model name: lower-case letters, digits and hyphens, at most 63')
  .describe('Model name.');

export const versionNumber = z.coerce.number().int().min(1).describe('Version number, from 1.');

/** The columns are DateTime64(3), which holds these years. */
const earliest = Date.UTC(1900, 0, 1);
const latest = Date.UTC(2299, 0, 1);

/** RFC 3339 with an offset. */
export const instant = z.iso
  .datetime({ offset: true, abort: true, error: 'must be an RFC 3339 time such as 2026-01-31T12:00:00Z' })
  .refine((value) => Date.parse(value) >= earliest && Date.parse(value) < latest, 'must lie between 1900 and 2299');
