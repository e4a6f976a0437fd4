import { Session } from 'chdb';
import { checkedIdentifier, parameterText, stringLiteral } from './literals.ts';

/** What surrounds a statement: nothing of it may reach the next one. */
export interface SessionRequest {
  database: string;
  settings: Record<string, string>;
  params: Record<string, unknown>;
}

export interface Lease {
  session: Session;
  /** Say that the statement ended well and was one that leaves no state in its session (SELECT, INSERT). */
  keep(): void;
  release(): void;
}

const idleSessions = 16;

/**
 * Hands out sessions whose database, settings and parameters are exactly those of the request.
 *
 * A session is used again only for a request with the same database, the same settings and the same parameter names
 * (values are set anew), and never after an error. Closing a session waits for every statement of the process, so
 * that under one long query new sessions pile up at 0.3 MB each; the few idle ones kept here prevent that.
 */
export class SessionPool {
  readonly #directory: string;
  /** Oldest first. */
  readonly #idle: { key: string; session: Session }[] = [];
  readonly #taken = new Set<Session>();
  #closed = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async take(request: SessionRequest): Promise<Lease> {
    const key = keyOf(request);
    const index = this.#idle.findLastIndex((candidate) => candidate.key === key);
    const [idle] = index < 0 ? [] : this.#idle.splice(index, 1);
    const session = idle?.session ?? new Session(this.#directory);
    const prelude = idle === undefined ? fullPrelude(request) : parameterPrelude(request);
    try {
      if (prelude !== '') await session.queryAsync(prelude);
    } catch (error) {
      session.close();
      throw error;
    }
    this.#taken.add(session);
    let reusable = false;
    return {
      session,
      // readonly forbids the SET of the next parameters.
      keep: () => (reusable = request.settings['readonly'] === undefined),
      release: () => {
        if (!this.#taken.delete(session)) return;
        if (reusable && !this.#closed) this.#store(key, session);
        else session.close();
      },
    };
  }

  /** Closes idle sessions and those of streams whose reader stopped reading. */
  close(): void {
    this.#closed = true;
    for (const { session } of this.#idle.splice(0)) session.close();
    for (const session of this.#taken) session.close();
  }

  #store(key: string, session: Session): void {
    this.#idle.push({ key, session });
    if (this.#idle.length > idleSessions) this.#idle.shift()?.session.close();
  }
}

function keyOf(request: SessionRequest): string {
  const settings = Object.entries(request.settings).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([request.database, settings, Object.keys(request.params).toSorted()]);
}

function fullPrelude(request: SessionRequest): string {
  const settings = Object.entries(request.settings).map(
    ([name, value]) => `${checkedIdentifier(name)} = ${stringLiteral(value)}`,
  );
  const set = [...settings, ...parameters(request)];
  return `USE ${checkedIdentifier(request.database)}${set.length === 0 ? '' : `; SET ${set.join(', ')}`}`;
}

function parameterPrelude(request: SessionRequest): string {
  const set = parameters(request);
  return set.length === 0 ? '' : `SET ${set.join(', ')}`;
}

function parameters(request: SessionRequest): string[] {
  return Object.entries(request.params).map(
    ([name, value]) => `param_${checkedIdentifier(name)} = ${stringLiteral(parameterText(value))}`,
  );
}
