import type { ModelVersion } from '#libs/events';
import type { Stream, StreamProducer } from '#libs/stream';
import type { ModelState } from './registry-state.ts';
import type { VersionSigner, VersionVerifier } from './version-signature.ts';

/** How version events are signed, and which on the topic are ours; undefined: none is signed, all are. */
export interface VersionSigning {
  signer?: VersionSigner | undefined;
  verifier?: VersionVerifier | undefined;
}

type Announced = Pick<ModelVersion, 'epoch' | 'revision'>;

/**
 * Tells inference, through model-versions, what the registry decided. The log comes first: after a crash between the
 * two, opening finds the topic behind the log and writes the missing record.
 */
export class ServingAnnouncer {
  readonly #producer: StreamProducer;
  readonly #signer: VersionSigner | undefined;
  /** Newest event of each model on the topic. */
  readonly #announced = new Map<string, Announced>();

  private constructor(producer: StreamProducer, signer: VersionSigner | undefined) {
    this.#producer = producer;
    this.#signer = signer;
  }

  /** Events that consumers will not believe count as not written: what serves is announced again, signed. */
  static async open(stream: Stream, producer: StreamProducer, signing: VersionSigning): Promise<ServingAnnouncer> {
    const announcer = new ServingAnnouncer(producer, signing.signer);
    await stream.readToEnd('model-versions', ({ value }) => {
      if (value === null || signing.verifier?.refusal(value) !== undefined) return;
      announcer.#note(value);
    });
    return announcer;
  }

  /** Newest announced epoch; it may be above the log's when the log was lost, and epochs never fall. */
  epochOf(model: string): number {
    return this.#announced.get(model)?.epoch ?? 0;
  }

  /** Writes what answers now unless the topic has it; says whether it wrote. */
  async announce({ model, serving, challengers, revision, change }: ModelState): Promise<boolean> {
    if (serving === null || change === null) return false;
    const { version, epoch, digest } = serving;
    if (!isNewer({ epoch, revision }, this.#announced.get(model))) return false;
    const value: ModelVersion = {
      model,
      version,
      epoch,
      bundleDigest: digest,
      action: change.action,
      reason: change.reason,
      promotedBy: change.by,
      at: change.at,
      signature: null,
      revision,
      challengers: challengers.map((one) => ({
        version: one.version,
        bundleDigest: one.digest,
        role: one.role,
        share: one.share,
      })),
    };
    const signed = this.#signer?.sign(value) ?? value;
    await this.#producer.send('model-versions', [{ key: model, value: signed }]);
    this.#note(value);
    return true;
  }

  #note({ model, epoch, revision }: ModelVersion): void {
    if (isNewer({ epoch, revision }, this.#announced.get(model))) this.#announced.set(model, { epoch, revision });
  }
}

function isNewer(event: Announced, known: Announced | undefined): boolean {
  if (known === undefined || event.epoch !== known.epoch) return event.epoch > (known?.epoch ?? 0);
  return event.revision > known.revision;
}
