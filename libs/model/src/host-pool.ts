import { type Logger, reasonOf } from '#libs/platform';
import { modelError } from './errors.ts';
import type { HostAnswer, ModelHost } from './model-host.ts';

export interface HostPoolOptions {
  /** Hosts to keep. */
  hosts: number;
  /** Starts a host and proves it on the golden texts. */
  open: (signal?: AbortSignal) => Promise<ModelHost>;
  /** A host ended by itself and will be started again. */
  onEnded: () => void;
  /** A host has ended, or was started. */
  onChange: () => void;
  logger: Logger;
}

interface Place {
  host: ModelHost | undefined;
  /** Batches with the host. */
  batches: number;
  /** Milliseconds before the next start, should it end now. */
  retry: number;
}

/** One batch runs, exactly one waits in the pipe to the host: the host never idles, and little is handed over early. */
const batchesPerHost = 2;
const firstRetry = 200;
const longestRetry = 10_000;
/** A host that has lived this long is started again at once, and the next pause is the first one again. */
const longLived = 10_000;

/** The host processes of one bundle. One that ends is started again, with back-off if it had nothing to do, while the others go on. */
export class HostPool {
  readonly #options: HostPoolOptions;
  readonly #places: Place[] = [];
  readonly #closing = new AbortController();
  #restarting = 0;

  private constructor(options: HostPoolOptions) {
    this.#options = options;
  }

  /** Resolves when every host is open and proven. @throws what `open` threw; none is left then. */
  static async open(options: HostPoolOptions, signal?: AbortSignal): Promise<HostPool> {
    const pool = new HostPool(options);
    const opening = await Promise.allSettled(Array.from({ length: options.hosts }, () => options.open(signal)));
    const hosts = opening.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = opening.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      await Promise.all(hosts.map((host) => host.close()));
      throw failed.reason;
    }
    for (const host of hosts) pool.#watch({ host, batches: 0, retry: firstRetry }, performance.now());
    return pool;
  }

  /** Execution provider of the hosts. */
  get device(): string {
    return this.#places.find(({ host }) => host !== undefined)?.host?.device ?? '';
  }

  /** Why token ids come from the library and not from the faster path of ours, where they do. */
  get tokenizerFallback(): string | undefined {
    return this.#places.find(({ host }) => host !== undefined)?.host?.tokenizerFallback;
  }

  /** Batches that may be handed over now. */
  get room(): number {
    return this.#places.reduce(
      (sum, { host, batches }) => sum + (host === undefined ? 0 : batchesPerHost - batches),
      0,
    );
  }

  /** A host is there, and none is answering. */
  get idle(): boolean {
    return this.alive > 0 && this.#places.every(({ batches }) => batches === 0);
  }

  /** Hosts that answer now. */
  get alive(): number {
    return this.#places.filter(({ host }) => host !== undefined).length;
  }

  get restarting(): boolean {
    return this.#restarting > 0;
  }

  /** Memory of the hosts' processes as they last said. */
  get residentBytes(): number {
    return this.#places.reduce((sum, { host }) => sum + (host?.residentBytes ?? 0), 0);
  }

  /**
   * Answers a batch on the host with least to do.
   * @throws TidemillError as ModelHost.answer, BATCH_NOT_STARTED when no host is there.
   */
  async answer(texts: readonly string[]): Promise<HostAnswer> {
    let least: Place | undefined;
    for (const place of this.#places)
      if (place.host !== undefined && place.batches < (least?.batches ?? Infinity)) least = place;
    if (least?.host === undefined) throw modelError('BATCH_NOT_STARTED');
    least.batches++;
    try {
      return await least.host.answer(texts);
    } finally {
      least.batches--;
    }
  }

  /** Ends every host; what they were still answering is lost. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#places.map(async ({ host }) => host?.close()));
  }

  #watch(place: Place, since: number): void {
    if (!this.#places.includes(place)) this.#places.push(place);
    void place.host?.exited.then(() => {
      place.host = undefined;
      this.#options.onChange();
      if (this.#closing.signal.aborted) return;
      this.#options.onEnded();
      this.#options.logger.error('a model host ended; starting it again');
      if (performance.now() - since > longLived) place.retry = 0;
      // Over a batch: the text that ends it is being looked for.
      else if (place.batches > 0) place.retry = firstRetry;
      void this.#restart(place);
    });
  }

  async #restart(place: Place): Promise<void> {
    const { signal } = this.#closing;
    this.#restarting++;
    while (!signal.aborted) {
      const delay = place.retry;
      place.retry = Math.min(Math.max(2 * delay, firstRetry), longestRetry);
      await pause(delay, signal);
      try {
        const host = await this.#options.open(signal);
        if (signal.aborted) await host.close();
        else {
          place.host = host;
          this.#watch(place, performance.now());
        }
        break;
      } catch (error) {
        if (!signal.aborted)
          this.#options.logger.error({ reason: reasonOf(error) }, 'a model host could not be started again');
      }
    }
    this.#restarting--;
    this.#options.onChange();
  }
}

/** Resolves after the time, or at once when the signal aborts. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end, { once: true });
  });
}
