/** The gateway refused, or could not be reached (status 0). */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const tokenKey = 'tidemill-token';

/** For this tab only. */
export function keepToken(token: string): void {
  sessionStorage.setItem(tokenKey, token);
}

/** Paths are relative to the page, which may live behind somebody's prefix. @throws Refused */
export async function request(
  path: string,
  options: { signal: AbortSignal; headers?: Record<string, string> },
): Promise<Response> {
  const token = sessionStorage.getItem(tokenKey);
  const headers = { ...options.headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
  let response: Response;
  try {
    response = await fetch(path, { headers, signal: options.signal, cache: 'no-store' });
  } catch (error) {
    if (options.signal.aborted) throw error;
    throw new Refused(0, 'the gateway does not answer');
  }
  if (!response.ok) throw new Refused(response.status, await problemOf(response));
  return response;
}

/** @throws Refused */
export async function ask<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await request(path, { signal });
  const body: T = await response.json();
  return body;
}

async function problemOf(response: Response): Promise<string> {
  const body: { detail?: string; title?: string } = await response.json().catch(() => ({}));
  return body.detail ?? body.title ?? `the gateway answers ${response.status}`;
}
