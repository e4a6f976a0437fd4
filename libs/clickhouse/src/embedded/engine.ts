import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseError } from '@clickhouse/client';
import { drainPending, Session } from 'chdb';
import { ChdbNodeEngine, type QueryAnalysis } from 'chdb/durable/node';
import { type Logger, newId, reasonOf, threadPoolSize } from '#libs/platform';
import { clickhouseError } from '../errors.ts';
import { SessionPool, type SessionRequest } from './sessions.ts';
import { Slots } from './slots.ts';

export interface EngineOptions {
  directory: string;
  /** Memory all queries together may take. */
  memoryBytes: number;
  /** How long another process may still be holding the directory (a restart), in milliseconds. */
  lockPatience: number;
  logger: Logger;
}

export interface EngineRequest extends SessionRequest {
  sql: string;
  /** Used where the statement itself names none; default CSV. */
  format?: string;
  signal?: AbortSignal | undefined;
}

export interface InsertRequest extends SessionRequest {
  table: string;
  columns: string[];
  format: 'JSONEachRow' | 'JSONCompactEachRow' | 'CSV' | 'TabSeparated';
  body: Buffer;
}

const killInterval = 50;

/**
 * Statements in the engine at a time; the others wait in order. Each holds a thread of the pool until it ends, and
 * files and name look-ups need threads of the same pool: with all four of the default taken, a read waited 26 s.
 */
function concurrentStatements(): number {
  return Math.max(3, threadPoolSize() - 4);
}

/**
 * The chdb engine on one data directory: the only one of this process, and no other process may have the directory.
 * Settings, parameters and database of a request never reach another one. Every error is the client's ClickHouseError.
 */
export class Engine {
  readonly #control: Session;
  readonly #analyser: ChdbNodeEngine;
  readonly #pool: SessionPool;
  readonly #slots = new Slots(concurrentStatements());
  readonly #running = new Set<string>();
  readonly #logger: Logger;
  #closing: Promise<void> | undefined;

  private constructor(control: Session, analyser: ChdbNodeEngine, options: EngineOptions) {
    this.#control = control;
    this.#analyser = analyser;
    this.#pool = new SessionPool(options.directory);
    this.#logger = options.logger;
  }

  /** @throws TidemillError CLICKHOUSE_DIRECTORY_IN_USE when another process keeps the directory. */
  static async open(options: EngineOptions): Promise<Engine> {
    mkdirSync(options.directory, { recursive: true });
    const control = await openControl(options);
    const analyser = new ChdbNodeEngine();
    await analyser.start({ dataPath: options.directory, backupsAllowedPath: join(options.directory, 'backups') });
    return new Engine(control, analyser, options);
  }

  /**
   * Runs one statement of any kind and returns its formatted result whole. After an abort it rejects once the engine
   * has really stopped.
   */
  async run(request: EngineRequest): Promise<Uint8Array> {
    const slot = await this.#admit(request.signal);
    try {
      const lease = await this.#pool.take(request);
      const query = this.#watch(request.signal);
      try {
        const result = await lease.session.queryAsync(query.tag + request.sql, { format: request.format ?? 'CSV' });
        return result.bytes();
      } finally {
        query.end();
        lease.release();
      }
    } catch (error) {
      throw request.signal?.aborted === true ? request.signal.reason : asClickHouseError(error);
    } finally {
      slot();
    }
  }

  /** Streams a SELECT in a format whose chunks may be joined. The first chunk is fetched before this resolves. */
  async stream(request: EngineRequest): Promise<AsyncIterable<Uint8Array>> {
    const chunks = this.#chunks(request);
    // Syntax errors and the like belong to the call, not to the reader of the stream.
    const first = await chunks.next();
    return (async function* () {
      try {
        if (first.done === true) return;
        yield first.value;
        yield* chunks;
      } finally {
        await chunks.return();
      }
    })();
  }

  async *#chunks(request: EngineRequest): AsyncGenerator<Uint8Array, void> {
    const slot = await this.#admit(request.signal);
    try {
      const lease = await this.#pool.take(request);
      const query = this.#watch(request.signal);
      try {
        for await (const chunk of lease.session.queryStream(query.tag + request.sql)) yield chunk.raw();
        request.signal?.throwIfAborted();
        // A closed session ends its stream without an error; half a result must not look like a whole one.
        this.#assertOpen();
        lease.keep();
      } finally {
        query.end();
        lease.release();
      }
    } catch (error) {
      throw request.signal?.aborted === true ? request.signal.reason : asClickHouseError(error);
    } finally {
      slot();
    }
  }

  /** Inserts an encoded body; all of it or nothing, but for bodies beyond max_insert_block_size. */
  async insert(request: InsertRequest): Promise<number> {
    const slot = await this.#admit();
    try {
      const lease = await this.#pool.take(request);
      try {
        const { table, columns, format, body } = request;
        const summary = await lease.session.insert({
          table,
          format,
          values: body,
          ...(columns.length > 0 && { columns }),
        });
        lease.keep();
        return summary.rowsWritten;
      } finally {
        lease.release();
      }
    } catch (error) {
      throw asClickHouseError(error);
    } finally {
      slot();
    }
  }

  /** What the engine's own parser says of a text, without running it. */
  analyse(sql: string, database: string): Promise<QueryAnalysis> {
    this.#assertOpen();
    return this.#analyser.analyze(sql, database);
  }

  /** Refuses new work, ends what runs, gives the directory free. */
  close(): Promise<void> {
    return (this.#closing ??= this.#release());
  }

  async #release(): Promise<void> {
    const drained = drainPending().then(() => true);
    do {
      for (const id of this.#running) this.#kill(id);
    } while (!(await Promise.race([drained, delay(killInterval, false)])));
    this.#pool.close();
    await this.#analyser.close();
    this.#control.close();
    await drainPending();
  }

  async #admit(signal?: AbortSignal): Promise<() => void> {
    this.#assertOpen();
    const slot = await this.#slots.take(signal);
    if (this.#closing === undefined) return slot;
    slot();
    throw clickhouseError('CLICKHOUSE_CLOSED');
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw clickhouseError('CLICKHOUSE_CLOSED');
  }

  /** Tags a statement so that it can be found and killed. The session stays taken until the engine has really ended. */
  #watch(signal?: AbortSignal) {
    const id = newId();
    this.#running.add(id);
    let timer: NodeJS.Timeout | undefined;
    const abort = () => {
      this.#kill(id);
      // The statement may not have been registered yet when the first KILL looked.
      timer ??= setInterval(() => this.#kill(id), killInterval);
    };
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
    return {
      tag: tagOf(id),
      end: () => {
        this.#running.delete(id);
        clearInterval(timer);
        signal?.removeEventListener('abort', abort);
      },
    };
  }

  /**
   * ASYNC, because SYNC waits inside the engine and has been seen to hang; on this thread (about 2 ms), because the pool
   * may be full of the very statements that are to end.
   */
  #kill(id: string): void {
    try {
      this.#control.query(`KILL QUERY WHERE startsWith(query, '${tagOf(id)}') ASYNC`);
    } catch (error) {
      this.#logger.warn({ reason: reasonOf(error) }, 'a ClickHouse statement could not be ended');
    }
  }
}

function tagOf(id: string): string {
  return `/* qid:${id} */ `;
}

/** chdb's errors carry the server's text; the client's parser makes the server's error class of it. */
function asClickHouseError(error: unknown): unknown {
  if (!(error instanceof Error) || !/Code: \d+\./.test(error.message)) return error;
  const parsed = parseError(error);
  if (parsed !== error) parsed.cause = error;
  return parsed;
}

async function openControl(options: EngineOptions): Promise<Session> {
  const connectionArgs = [`--max_server_memory_usage=${options.memoryBytes}`];
  for (let waited = 0; ; waited += 250) {
    try {
      return new Session(options.directory, { connectionArgs });
    } catch (cause) {
      // The binding keeps the engine's reason to itself (it is on standard error): see who holds the directory.
      const owner = ownerOf(options.directory);
      if (owner === undefined) throw clickhouseError('CLICKHOUSE_OPEN_FAILED', { detail: options.directory, cause });
      if (waited >= options.lockPatience) {
        const detail = `${options.directory} (process ${owner})`;
        throw clickhouseError('CLICKHOUSE_DIRECTORY_IN_USE', { detail, cause });
      }
    }
    await delay(250);
  }
}

/** The living process that wrote its id into the directory's lock file. */
function ownerOf(directory: string): number | undefined {
  const status = join(directory, 'status');
  const pid = existsSync(status) ? Number(/PID: (\d+)/.exec(readFileSync(status, 'utf8'))?.[1]) : Number.NaN;
  if (!Number.isInteger(pid) || pid === process.pid) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    // It lives, but is not ours to signal.
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? pid : undefined;
  }
}
