/** What one error code means. */
export interface ErrorDefinition {
  /** What went wrong and, where it can be said in general, what to do next. */
  message: string;
  /** True when trying the same thing again may work. */
  retriable: boolean;
}

export interface ErrorDetails {
  /** The particulars, appended to the message. */
  detail?: string;
  cause?: unknown;
}

/** The one error class of the product. */
export class TidemillError extends Error {
  override readonly name = 'TidemillError';
  readonly code: string;
  readonly retriable: boolean;

  constructor(code: string, definition: ErrorDefinition, details: ErrorDetails = {}) {
    const detail = details.detail === undefined ? '' : `: ${details.detail}`;
    super(`${definition.message}${detail}`, details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.retriable = definition.retriable;
  }
}

/** All tables defined so far; docs/errors.md is checked against it. */
const catalogue = new Map<string, ErrorDefinition>();

/** Declares a lib's table of errors and returns the function that makes them. */
export function defineErrors<C extends string>(table: Record<C, ErrorDefinition>) {
  for (const [code, definition] of Object.entries<ErrorDefinition>(table)) catalogue.set(code, definition);
  return (code: C, details?: ErrorDetails): TidemillError => new TidemillError(code, table[code], details);
}

/** Code to definition of every error declared by the modules loaded so far. */
export function errorCatalogue(): ReadonlyMap<string, ErrorDefinition> {
  return catalogue;
}

/** The message of anything thrown, causes included, nothing said twice. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if (thrown.cause === undefined) return thrown.message;
  const cause = reasonOf(thrown.cause);
  return thrown.message.includes(cause) ? thrown.message : `${thrown.message} (${cause})`;
}
