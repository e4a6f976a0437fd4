import type { Logger } from '#libs/platform';
import type { LogReader, Stream } from '#libs/stream';
import type { ModelSlots } from './model-slots.ts';

/**
 * Follows topic model-versions: which version of each model serves from now on. The topic is compacted, so reading it
 * from its beginning is short; it is read to its end before the first text, so that no text meets an outdated version.
 */
export class ModelVersionConsumer {
  readonly #stream: Stream;
  readonly #slots: ModelSlots;
  readonly #logger: Logger;
  #reader: LogReader | undefined;

  constructor(stream: Stream, slots: ModelSlots, logger: Logger) {
    this.#stream = stream;
    this.#slots = slots;
    this.#logger = logger;
  }

  /** Resolves when everything there is has been applied and every model that can be loaded has been. */
  async start(): Promise<void> {
    this.#reader = await this.#stream.readToEnd(
      'model-versions',
      ({ value, key }) => {
        if (value === null)
          this.#logger.warn({ model: key }, 'a model was deleted from the log; it serves on until the next start');
        else this.#slots.apply(value);
      },
      { follow: true },
    );
    await this.#slots.settled();
  }

  /** Resolves when every version event written before the call has been applied. */
  async caughtUp(): Promise<void> {
    await this.#reader?.caughtUp();
  }

  async close(): Promise<void> {
    await this.#reader?.close();
  }
}
