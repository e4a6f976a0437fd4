/** A failure that is told in one line, with what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError';
  /** 1: it failed; 2: it was used wrongly. */
  readonly exitCode: 1 | 2;

  constructor(message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
  }
}

/** Used wrongly: exit 2. */
export function usageError(message: string): CliError {
  return new CliError(message, { exitCode: 2 });
}
