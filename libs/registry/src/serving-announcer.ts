import type { ModelVersion } from '#libs/events';
import type { Stream, StreamProducer } from '#libs/stream';
import type { ModelState } from './registry-state.ts';
import type { VersionSigner, VersionVerifier } from './version-signature.ts';

/** How version events are signed, and which on the topic are ours; undefined: none is signed, all are. */
export interface VersionSigning {
  signer?: VersionSigner | undefined;
  verifier?: VersionVerifier | undefined;
}

/**
 * Tells inference, through model-versions, what the registry decided. The log comes first: after a crash between the
 * two, opening finds the topic behind the log and writes the missing record.
 */
export class ServingAnnouncer {
  readonly #producer: StreamProducer;
  readonly #signer: VersionSigner | undefined;
  /** Newest epoch of each model on the topic. */
  readonly #announced = new Map<string, number>();

  private constructor(producer: StreamProducer, signer: VersionSigner | undefined) {
    this.#producer = producer;
    this.#signer = signer;
  }

  /** Events that consumers will not believe count as not written: what serves is announced again, signed. */
  static async open(stream: Stream, producer: StreamProducer, signing: VersionSigning): Promise<ServingAnnouncer> {
    const announcer = new ServingAnnouncer(producer, signing.signer);
    await stream.readToEnd('model-versions', ({ value }) => {
      if (value === null || signing.verifier?.refusal(value) !== undefined) return;
      announcer.#announced.set(value.model, Math.max(value.epoch, announcer.epochOf(value.model)));
    });
    return announcer;
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
    const signed = this.#signer?.sign(value) ?? value;
    await this.#producer.send('model-versions', [{ key: model, value: signed }]);
    this.#announced.set(model, Math.max(epoch, this.epochOf(model)));
    return true;
  }
}
