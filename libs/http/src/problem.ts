import { HttpException } from '@nestjs/common';

/** Where in a request something is wrong. */
export interface FieldProblem {
  /** JSON pointer (RFC 6901) to the field. */
  pointer: string;
  message: string;
}

/** An error answer in the form of RFC 9457, `application/problem+json`. */
export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance?: string;
  errors?: FieldProblem[];
  [extension: string]: unknown;
}

const titles: Record<number, string> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Invalid content',
  429: 'Too many requests',
  499: 'Client closed request',
  500: 'Internal error',
  502: 'Bad gateway',
  503: 'Unavailable',
  504: 'Timeout',
};

export function titleOf(status: number): string {
  return titles[status] ?? `Status ${status}`;
}

/** Thrown by a handler to answer with a problem document; `detail` says what to do next. */
export class Problem extends HttpException {
  readonly document: ProblemDocument;
  /** Seconds for the Retry-After header. */
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    detail: string,
    extensions: { errors?: FieldProblem[]; retryAfter?: number; [key: string]: unknown } = {},
  ) {
    const { retryAfter, ...rest } = extensions;
    const document = { type: 'about:blank', title: titleOf(status), status, detail, ...rest };
    super(document, status);
    this.message = detail;
    this.document = document;
    this.retryAfter = retryAfter;
  }
}
