import type { ModelVersion } from '#libs/events';
import type { Stream, StreamProducer } from '#libs/stream';
import type { ModelState } from './registry-state.ts';

/**
 * Tells inference, through model-versions, what the registry decided. The log comes first: after a crash between the
 * two, opening finds the topic behind the log and writes the missing record.
 */
export class ServingAnnouncer {
  readonly #producer: StreamProducer;
  /** Newest epoch of each model on the topic. */
  readonly #announced: Map<string, number>;

  private constructor(producer: StreamProducer, announced: Map<string, number>) {
    this.#producer = producer;
    this.#announced = announced;
  }

  static async open(stream: Stream, producer: StreamProducer): Promise<ServingAnnouncer> {
    const announced = new Map<string, number>();
    await stream.readToEnd('model-versions', ({ value }) => {
      if (value !== null) announced.set(value.model, Math.max(value.epoch, announced.get(value.model) ?? 0));
    });
    return new ServingAnnouncer(producer, announced);
  }

  /** Newest announced epoch; it may be above the log's when the log was lost, and epochs never fall. */
  epochOf(model: string): number {
    return this.#announced.get(model) ?? 0;
  }

  /** Writes the newest change of the serving version unless the topic has it; says whether it wrote. */
  async announce({ model, history }: ModelState): Promise<boolean> {
    const newest = history.at(-1);
    if (newest === undefined || newest.epoch <= this.epochOf(model)) return false;
    const { version, epoch, digest, action, reason, by, since } = newest;
    const value: ModelVersion = {
      model,
      version,
      epoch,
      bundleDigest: digest,
      action,
      reason,
      promotedBy: by,
      at: since,
      signature: null,
    };
    await this.#producer.send('model-versions', [{ key: model, value }]);
    this.#announced.set(model, Math.max(epoch, this.epochOf(model)));
    return true;
  }
}
