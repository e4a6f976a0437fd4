import { join } from 'node:path';
import { reasonOf, siblingModule } from '#libs/platform';
import type { Manifest } from './bundle.ts';
import { modelError } from './errors.ts';
import { readMessages, writeMessage } from './host-channel.ts';
import { type HostProcess, type StartHost, startHost } from './host-process.ts';
import type { HostModel, HostReply, HostRequest } from './host-protocol.ts';
import type { RefusedRow } from './run-batch.ts';

export interface HostOptions {
  executionProviders: string[];
  /** Intra-op threads. */
  threads: number;
  /** A host that does not answer a batch within this time is ended. Milliseconds. */
  timeout?: number;
  signal?: AbortSignal | undefined;
  /** How its process is started; as a child of this process where nothing is said. */
  start?: StartHost | undefined;
}

export interface HostAnswer {
  /** Rows × labels, row-major, in the order of the texts. */
  probabilities: Float32Array;
  truncated: Uint8Array;
  /** Rows that have no answer, and why. */
  refused: readonly RefusedRow[];
  /** Columns that the texts needed, and that ran: the difference is padding. */
  columns: { needed: number; run: number };
  /** Time in the host, milliseconds. */
  milliseconds: number;
}

/** One vector a text. */
export interface HostEmbeddings {
  /** Rows × dimension, row-major, in the order of the texts. */
  embeddings: Float32Array;
  dimension: number;
  truncated: Uint8Array;
}

type Answer = Extract<HostReply, { kind: 'answer' }>;
type Opened = Extract<HostReply, { kind: 'opened' }>;

interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

const defaultTimeout = 60_000;

interface HostParts {
  host: HostProcess;
  /** In the order in which the host answers: the first one is under way. */
  waiting: Map<number, Waiting>;
  timeout: number;
  exited: Promise<void>;
  opened: Opened;
}

/** A model opened in a child process of its own. Ends with `close`, or by itself when the parent process ends. */
export class ModelHost {
  readonly #parts: HostParts;
  #nextId = 0;
  #timer: NodeJS.Timeout | undefined;
  #residentBytes: number;

  private constructor(parts: HostParts) {
    this.#parts = parts;
    this.#residentBytes = parts.opened.residentBytes;
  }

  /** Execution provider that runs the model. */
  get device(): string {
    return this.#parts.opened.device;
  }

  /** Why token ids come from the library and not from the faster path of ours, where they do. */
  get tokenizerFallback(): string | undefined {
    return this.#parts.opened.tokenizerFallback;
  }

  /** Resolves when the process has ended, for whatever reason. */
  get exited(): Promise<void> {
    return this.#parts.exited;
  }

  /** Memory of the process when it last said. */
  get residentBytes(): number {
    return this.#residentBytes;
  }

  get pid(): number {
    return this.#parts.host.pid;
  }

  /**
   * Starts a host, opens the model and proves it on its golden texts.
   * @throws TidemillError MODEL_REFUSED, MODEL_HOST_EXITED or MODEL_HOST_TIMEOUT; the process is gone then.
   */
  static async open(model: HostModel, options: HostOptions): Promise<ModelHost> {
    const { signal, start = startHost, timeout = defaultTimeout, executionProviders, threads } = options;
    signal?.throwIfAborted();
    const host = await start(siblingModule(import.meta, 'host')).catch((cause: unknown) => {
      throw modelError('MODEL_HOST_EXITED', { detail: reasonOf(cause), cause });
    });
    const waiting = new Map<number, Waiting>();
    const opened = Promise.withResolvers<Opened>();
    readMessages(host.socket, (message: HostReply) => {
      if (message.kind === 'opened') opened.resolve(message);
      else if (message.kind === 'refused') opened.reject(modelError('MODEL_REFUSED', { detail: message.reason }));
      else settle(waiting, message);
    });
    const exited = endOf(host).then((detail) => {
      const error = modelError('MODEL_HOST_EXITED', { detail });
      opened.reject(error);
      const [underWay, ...later] = waiting.values();
      underWay?.reject(error);
      for (const { reject } of later) reject(modelError('BATCH_NOT_STARTED'));
      waiting.clear();
    });
    const timer = setTimeout(
      () => opened.reject(modelError('MODEL_HOST_TIMEOUT', { detail: 'while opening the model' })),
      timeout,
    );
    const abort = () => opened.reject(modelError('VERSION_SUPERSEDED'));
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
    try {
      writeMessage(host.socket, { kind: 'open', model, executionProviders, threads } satisfies HostRequest);
      return new ModelHost({ host, waiting, timeout, exited, opened: await opened.promise });
    } catch (error) {
      host.kill();
      await exited;
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  /**
   * Answers texts, all or none.
   * @throws TidemillError MODEL_OUTPUT_INVALID when one has no answer; otherwise as `answer`.
   */
  async classify(texts: readonly string[]): Promise<HostAnswer> {
    const answer = await this.answer(texts);
    const [refused] = answer.refused;
    if (refused !== undefined)
      throw modelError('MODEL_OUTPUT_INVALID', { detail: `text ${refused.row + 1}: ${refused.reason}` });
    return answer;
  }

  /**
   * Answers a batch; a row may have no answer.
   * @throws TidemillError MODEL_HOST_EXITED when the host ended over it, BATCH_NOT_STARTED when it ended before,
   * MODEL_OUTPUT_INVALID when the graph failed.
   */
  async answer(texts: readonly string[]): Promise<HostAnswer> {
    const { values: probabilities, truncated, refused, columns, milliseconds } = await this.#ask(texts);
    return { probabilities, truncated, refused, columns, milliseconds };
  }

  /**
   * Vectors of a model opened with output `embeddings`.
   * @throws TidemillError as `classify` does.
   */
  async embed(texts: readonly string[]): Promise<HostEmbeddings> {
    const { values, truncated, refused } = await this.#ask(texts);
    if (refused[0] !== undefined)
      throw modelError('MODEL_OUTPUT_INVALID', { detail: `text ${refused[0].row + 1}: ${refused[0].reason}` });
    return { embeddings: values, dimension: texts.length === 0 ? 0 : values.length / texts.length, truncated };
  }

  async #ask(texts: readonly string[]): Promise<Answer> {
    const { host, waiting, exited } = this.#parts;
    if (!host.socket.writable) {
      // Its end is not told yet: whoever asked again at once would never let it be.
      await exited;
      throw modelError('BATCH_NOT_STARTED');
    }
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    waiting.set(id, { resolve, reject });
    if (waiting.size === 1) this.#startTimer();
    writeMessage(host.socket, {
      kind: 'classify',
      id,
      joined: texts.join(''),
      lengths: Int32Array.from(texts, (text) => text.length),
    } satisfies HostRequest);
    try {
      const answer = await promise;
      this.#residentBytes = answer.residentBytes ?? this.#residentBytes;
      return answer;
    } finally {
      waiting.delete(id);
      this.#startTimer();
    }
  }

  /** For the batch that is under way now. */
  #startTimer(): void {
    clearTimeout(this.#timer);
    const { host, waiting, timeout } = this.#parts;
    if (waiting.size === 0) return;
    this.#timer = setTimeout(() => {
      waiting.values().next().value?.reject(modelError('MODEL_HOST_TIMEOUT'));
      host.kill();
    }, timeout);
  }

  /** Ends the process; whatever it was still running is lost. */
  async close(): Promise<void> {
    this.#parts.host.kill();
    await this.#parts.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** When it has ended and all that it said was read: how. */
async function endOf({ socket, ended }: HostProcess): Promise<string> {
  const closed = new Promise((resolve) => socket.once('close', resolve));
  // A write into the void is told by its end.
  socket.on('error', () => undefined);
  const how = await ended;
  await closed;
  return how;
}

function settle(waiting: ReadonlyMap<number, Waiting>, message: Extract<HostReply, { id: number }>): void {
  const request = waiting.get(message.id);
  if (message.kind === 'answer') request?.resolve(message);
  else request?.reject(modelError('MODEL_OUTPUT_INVALID', { detail: message.reason }));
}

/** The model of a verified bundle. */
export function hostModel(bundle: { directory: string; manifest: Manifest }): HostModel {
  const { labels, input, output, temperature, goldenTexts } = bundle.manifest;
  return { modelPath: join(bundle.directory, 'model.onnx'), labels, input, output, temperature, goldenTexts };
}
