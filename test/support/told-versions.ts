import { z } from 'zod';
import type { ModelVersion, RegistryEvent } from '#libs/events';
import type { Bundle } from '#libs/model';
import { newId } from '#libs/platform';
import { answeredByCanary } from '#libs/registry';
import type { Stream, StreamProducer } from '#libs/stream';

/** Share of the texts that a canary answers here. */
const share = 0.3;

export interface TriedBundles {
  /** Become the champion in turn: version 1, 2, … */
  champions: readonly Bundle[];
  canary: Bundle;
  shadow: Bundle;
}

const status = z.object({
  idle: z.boolean(),
  challengers: z.array(z.object({ role: z.string(), state: z.string(), hostPid: z.number().nullable() })),
});

/** What the outcome of texts was beside challengers. */
export interface Sides {
  /** Texts with an answer: of a champion or a canary, never of a shadow. */
  answered: number;
  byCanary: number;
  /** Ids of texts of the canary's share that the champion answered alone. */
  passedOver: string[];
  /** What must not be. */
  wrong: string[];
}

/** Tells which versions answer, as the registry does: with each event of topic model-versions all of it. */
export class ToldVersions {
  readonly #model: string;
  readonly #producer: StreamProducer;
  readonly #bundles: TriedBundles;
  /** Epochs with a canary. */
  readonly #tried = new Set<number>();
  #trying = false;
  #epoch = 0;
  #revision = 0;

  constructor(model: string, producer: StreamProducer, bundles: TriedBundles) {
    this.#model = model;
    this.#producer = producer;
    this.#bundles = bundles;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /**
   * The next epoch, promoted so many milliseconds ago; each is another bundle than the one before. A shadow goes on; a canary
   * ends, and another trial begins.
   */
  async promote(ago = 0): Promise<void> {
    this.#epoch++;
    await this.#tell('promote', this.#trying ? [this.#shadow] : [], ago);
    if (this.#trying) await this.tryBeside();
  }

  /** A canary and a shadow beside the champion; told again, one that was given up gets a new chance. */
  async tryBeside(): Promise<void> {
    this.#trying = true;
    this.#tried.add(this.#epoch);
    const challengers = [this.#canary, this.#shadow];
    await this.#producer.send(
      'registry-events',
      challengers.map((challenger) => ({ key: this.#model, value: this.#registryEvent(challenger) })),
    );
    await this.#tell('canary', challengers);
  }

  async withdraw(): Promise<void> {
    this.#trying = false;
    await this.#tell('withdraw', []);
  }

  /** Whether an instance follows what was told, all of it. */
  async followedBy(url: string): Promise<boolean> {
    const { idle, challengers } = await statusOf(url);
    const wanted = this.#trying ? 2 : 0;
    return idle && challengers.length === wanted && challengers.every(({ state }) => state === 'answering');
  }

  /** Holds predictions against what was told. */
  async sides(stream: Stream): Promise<Sides> {
    const wrong: string[] = [];
    const outcomes = new Map<string, Set<string>>();
    const ofCanary = new Set<string>();
    await stream.readToEnd('predictions', ({ value }) => {
      if (value === null) return;
      const { textId, role, epoch, version, bundleDigest } = value;
      outcomes.set(textId, (outcomes.get(textId) ?? new Set()).add(role));
      const its = this.#tried.has(epoch) && answeredByCanary(this.#model, textId, share);
      if (its) ofCanary.add(textId);
      if (role !== 'canary') return;
      const told = version === this.#canary.version && bundleDigest === this.#canary.bundleDigest;
      if (!its || !told) wrong.push(`${textId} was not for version ${version} in epoch ${epoch}`);
    });
    const texts = [...outcomes];
    // It is scored after its answer is acknowledged.
    const unanswered = texts.filter(([, roles]) => !roles.has('champion') && !roles.has('canary'));
    for (const [textId] of unanswered) wrong.push(`${textId} was scored by a shadow, and nothing answered it`);
    const byCanary = texts.filter(([, roles]) => roles.has('canary'));
    const passedOver = texts.filter(([textId, roles]) => ofCanary.has(textId) && !roles.has('canary'));
    return {
      answered: texts.length - unanswered.length,
      byCanary: byCanary.length,
      passedOver: passedOver.map(([textId]) => textId),
      wrong,
    };
  }

  get #canary() {
    const { champions, canary } = this.#bundles;
    return { version: champions.length + 1, bundleDigest: canary.digest, role: 'canary', share };
  }

  get #shadow() {
    const { champions, shadow } = this.#bundles;
    return { version: champions.length + 2, bundleDigest: shadow.digest, role: 'shadow', share: 0 };
  }

  async #tell(action: string, challengers: ModelVersion['challengers'], ago = 0): Promise<void> {
    const { champions } = this.#bundles;
    const place = this.#epoch % champions.length;
    const why = { action, reason: '', promotedBy: 'test', at: Date.now() - ago, signature: null };
    const told = { epoch: this.#epoch, revision: ++this.#revision, challengers };
    const bundleDigest = champions[place]?.digest ?? '';
    const value = { model: this.#model, version: place + 1, bundleDigest, ...told, ...why };
    await this.#producer.send('model-versions', [{ key: this.#model, value }]);
  }

  #registryEvent({ version, bundleDigest, role, share: own }: ModelVersion['challengers'][number]): RegistryEvent {
    return {
      id: newId(),
      kind: 'challenger-set',
      model: this.#model,
      version,
      runId: null,
      stage: null,
      epoch: null,
      bundleDigest,
      alias: null,
      requestId: null,
      parameters: { role },
      metrics: { share: own },
      artifacts: {},
      lineage: '',
      by: 'test',
      reason: '',
      at: Date.now(),
    };
  }
}

/** The process that runs a challenger in an instance. */
export async function hostOf(role: 'canary' | 'shadow', url: string): Promise<number> {
  const { challengers } = await statusOf(url);
  const { hostPid = null } = challengers.find((challenger) => challenger.role === role) ?? {};
  if (hostPid === null) throw new Error(`no ${role} runs`);
  return hostPid;
}

async function statusOf(url: string) {
  const answer = await fetch(new URL('/v1/status', url), { signal: AbortSignal.timeout(10_000) });
  return status.parse(await answer.json());
}
