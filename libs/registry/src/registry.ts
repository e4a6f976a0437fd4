import { createHash } from 'node:crypto';
import { type RegistryEvent, versionName } from '#libs/events';
import { type Clock, type Logger, reasonOf } from '#libs/platform';
import type { Stream } from '#libs/stream';
import { registryError } from './errors.ts';
import { RegistryLog } from './registry-log.ts';
import { RegistryReader } from './registry-reader.ts';
import type { AnsweringChange, Challenger, RegisteredVersion, ServingVersion } from './registry-state.ts';
import { ServingAnnouncer, type VersionSigning } from './serving-announcer.ts';
import type { Stage } from './stages.ts';

export interface RegistryDependencies {
  stream: Stream;
  clock: Clock;
  logger: Logger;
  newId: () => string;
  /** Default: version events are not signed. */
  signing?: VersionSigning;
}

/** Who decided, and why in a sentence: kept for ever in the log. */
export interface Decider {
  by: string;
  reason: string;
}

/** A decision about the version that served when it was taken: changes that were made meanwhile stand. */
interface IfEpoch {
  ifEpoch?: number;
}

type EventFields = Partial<RegistryEvent> & Pick<RegistryEvent, 'kind' | 'model' | 'by'>;

/**
 * The one writer of models, versions, stages and runs. What it knows is a fold over the topic registry-events; every
 * change is an event there first. Changes are made one after the other.
 */
export class Registry extends RegistryReader {
  readonly #log: RegistryLog;
  readonly #announcer: ServingAnnouncer;
  readonly #dependencies: RegistryDependencies;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(log: RegistryLog, announcer: ServingAnnouncer, dependencies: RegistryDependencies) {
    super(log);
    this.#log = log;
    this.#announcer = announcer;
    this.#dependencies = dependencies;
  }

  /** Replays the log; a decided change of the serving version that inference was not told is told now. */
  static async open(dependencies: RegistryDependencies): Promise<Registry> {
    const { stream, logger } = dependencies;
    const producer = stream.producer();
    const log = await RegistryLog.open(stream, { producer, logger });
    const announcer = await ServingAnnouncer.open(stream, producer, dependencies.signing ?? {});
    const registry = new Registry(log, announcer, dependencies);
    for (const model of log.state.models.values()) {
      if (await announcer.announce(model)) logger.info({ model: model.model }, 'announced the serving version again');
    }
    return registry;
  }

  /** Idempotent by digest. */
  addDataset(dataset: { model: string; digest: string; texts: number; labels: readonly string[]; by: string }) {
    const { model, digest, texts, labels, by } = dataset;
    return this.#serially(async () => {
      if (this.model(model)?.datasets.some((other) => other.digest === digest) === true) return;
      const parameters = { labels: JSON.stringify(labels) };
      await this.#append({
        kind: 'dataset-added',
        model,
        by,
        artifacts: { dataset: digest },
        metrics: { texts },
        parameters,
      });
    });
  }

  /** @returns the run's id, the same for the same request */
  startRun(run: { model: string; requestId: string; parameters?: Record<string, string> } & Decider): Promise<string> {
    const { model, requestId, parameters = {}, by, reason } = run;
    const runId = `${model}-${createHash('sha256').update(requestId).digest('hex').slice(0, 12)}`;
    return this.#serially(async () => {
      if (this.run(runId) === undefined)
        await this.#append({ kind: 'run-started', model, runId, requestId, parameters, by, reason });
      return runId;
    });
  }

  /** Metrics that are not finite are left out. Idempotent. */
  finishRun(
    runId: string,
    result: { metrics: Record<string, number>; artifacts: Record<string, string>; lineage?: unknown },
  ): Promise<void> {
    return this.#serially(async () => {
      const { model, requestId, by, status } = this.requireRun(runId);
      if (status === 'finished') return;
      const { artifacts } = result;
      const [metrics, lineage] = [finite(result.metrics), lineageJson(result.lineage)];
      await this.#append({ kind: 'run-finished', model, runId, requestId, by, metrics, artifacts, lineage });
    });
  }

  /** The run's request has ended with it. Idempotent. */
  failRun(runId: string, reason: string): Promise<void> {
    return this.#serially(async () => {
      const { model, requestId, by, status, version } = this.requireRun(runId);
      if (status !== 'failed') await this.#append({ kind: 'run-failed', model, runId, requestId, version, by, reason });
    });
  }

  /** @returns the number of the version; the same for the same run, or bundle where no run made it */
  registerVersion(
    version: {
      model: string;
      runId: string | null;
      requestId: string | null;
      digest: string;
      labels: readonly string[];
      metrics: Record<string, number>;
      lineage: unknown;
    } & Decider,
  ): Promise<number> {
    const { model, runId, requestId, digest, labels, by, reason } = version;
    return this.#serially(async () => {
      const known = this.state(model).versions;
      const same = known.find((other) => other.digest === digest && (runId === null || other.runId === runId));
      if (same !== undefined) return same.version;
      const next = (known.at(-1)?.version ?? 0) + 1;
      await this.#append({
        kind: 'version-registered',
        model,
        version: next,
        runId,
        requestId,
        stage: 'none',
        bundleDigest: digest,
        parameters: { labels: JSON.stringify(labels) },
        metrics: finite(version.metrics),
        lineage: lineageJson(version.lineage),
        by,
        reason,
      });
      return next;
    });
  }

  /** Any change but into and out of production. Idempotent. */
  changeStage(change: { model: string; version: number; stage: Stage; requestId?: string } & Decider): Promise<void> {
    const { model, version, stage, requestId = null, by, reason } = change;
    return this.#serially(async () => {
      const { stage: from, digest: bundleDigest } = this.requireVersion(model, version);
      const about = { model, version, stage, bundleDigest, requestId, by, reason };
      if (from !== stage) await this.#append({ ...about, kind: 'stage-changed' });
      // An archived challenger is tried no longer; also when it is done: inference may not have been told.
      await this.#announce(model);
    });
  }

  /**
   * Lets a version serve; one that is not staged is staged on the way. Idempotent by request.
   * @throws TidemillError ILLEGAL_TRANSITION; REGISTRY_CONFLICT when another epoch serves than `ifEpoch`
   */
  promote(promotion: { model: string; version: number; requestId?: string } & IfEpoch & Decider) {
    const { model, version, requestId = null, ifEpoch, by, reason } = promotion;
    return this.#serially(async () => {
      const found = this.requireVersion(model, version);
      const ended = requestId === null ? undefined : this.ended(model, requestId);
      if (ended?.kind === 'promoted' && ended.version === version && ended.epoch !== null) {
        await this.#announce(model);
        return { epoch: ended.epoch };
      }
      const late = await this.#announceLate(model, 'promote');
      if (late?.version === version) return { epoch: late.epoch };
      this.#expectServing(model, ifEpoch);
      const epoch = this.#nextEpoch(model);
      const { digest: bundleDigest, runId, metrics } = found;
      const about = { model, version, runId, requestId, bundleDigest, by, reason };
      await this.#append(...staging(found, about), {
        ...about,
        kind: 'promoted',
        stage: 'production',
        epoch,
        metrics: { ...metrics },
      });
      await this.#announce(model);
      return { epoch };
    });
  }

  /** Says why a request led to no promotion; the version, if it came to one, is archived. Idempotent by request. */
  refuse(
    refusal: {
      model: string;
      version: number | null;
      runId: string | null;
      requestId: string;
      metrics?: Record<string, number>;
    } & Decider,
  ): Promise<void> {
    const { model, version, runId, requestId, by, reason } = refusal;
    return this.#serially(async () => {
      if (this.ended(model, requestId)?.kind !== 'refused') {
        const metrics = finite(refusal.metrics ?? {});
        const stage = version === null ? null : 'archived';
        await this.#append({ kind: 'refused', model, version, runId, requestId, stage, metrics, by, reason });
      }
      await this.#announce(model);
    });
  }

  /**
   * Lets a version serve again that has served before; without `to`, the one before the serving one. Idempotent by
   * request.
   * @throws TidemillError ILLEGAL_TRANSITION; REGISTRY_CONFLICT when another epoch serves than `ifEpoch`
   */
  rollback(request: { model: string; to?: number; requestId?: string } & IfEpoch & Decider) {
    const { model, to, requestId = null, ifEpoch, by, reason } = request;
    return this.#serially(async () => {
      const ended = requestId === null ? undefined : this.ended(model, requestId);
      const late = await this.#announceLate(model, 'rollback');
      if (ended?.kind === 'rolled-back' && ended.version !== null && ended.epoch !== null)
        return { version: ended.version, epoch: ended.epoch };
      if (late !== undefined && (to ?? late.version) === late.version)
        return { version: late.version, epoch: late.epoch };
      this.#expectServing(model, ifEpoch);
      const { previous, serving } = this.state(model);
      const version = to ?? previous;
      if (version === null) {
        const now =
          serving === null ? 'nothing serves' : `${versionName(model, serving.version)} was the first to serve`;
        throw registryError('ILLEGAL_TRANSITION', { detail: `${now}, so there is nothing to roll back to` });
      }
      const { digest: bundleDigest, runId } = this.requireVersion(model, version);
      const epoch = this.#nextEpoch(model);
      const about = { model, version, runId, requestId, bundleDigest, by, reason };
      await this.#append({ ...about, kind: 'rolled-back', stage: 'production', epoch });
      await this.#announce(model);
      return { version, epoch };
    });
  }

  /**
   * Lets a version be tried beside the serving one, or go on in another role or with another share; one that is not
   * staged is staged on the way. Idempotent, by request where there is one.
   * @throws TidemillError ILLEGAL_TRANSITION
   */
  challenge(
    challenge: {
      model: string;
      version: number;
      role: Challenger['role'];
      share: number;
      requestId?: string;
      /** Why another canary is withdrawn first; absent: it stands in the way. */
      replacing?: string;
    } & Decider,
  ): Promise<void> {
    const { model, version, role, share, requestId = null, replacing, by, reason } = challenge;
    return this.#serially(async () => {
      const { runId, digest: bundleDigest, stage } = this.requireVersion(model, version);
      const { challengers, ended } = this.state(model);
      const done =
        requestId === null
          ? challengers.some((one) => one.version === version && one.role === role && one.share === share)
          : ended.some((one) => one.requestId === requestId && one.kind === 'challenger-set');
      if (!done) {
        const about = { model, version, runId, requestId, bundleDigest, by, reason };
        const set = { ...about, kind: 'challenger-set', parameters: { role }, metrics: { share } };
        const others = challengers.filter((one) => one.role === 'canary' && one.version !== version);
        const withdrawn =
          replacing === undefined ? [] : others.map((one) => withdrawnEvent(model, one, { by, reason: replacing }));
        await this.#append(...withdrawn, ...staging({ stage }, about), set);
      }
      await this.#announce(model);
    });
  }

  /**
   * Ends the trial of a version, which stays in its stage; with `role`, only if it is tried in that.
   * @throws TidemillError ILLEGAL_TRANSITION
   */
  withdraw(
    withdrawal: { model: string; version: number; role?: Challenger['role'] | undefined } & Decider,
  ): Promise<void> {
    const { model, version, role, by, reason } = withdrawal;
    return this.#serially(async () => {
      const { runId, digest: bundleDigest } = this.requireVersion(model, version);
      const late = await this.#announceLate(model, 'withdraw');
      const tried = this.state(model).challengers.find((other) => other.version === version);
      if (late !== undefined && tried === undefined) return;
      if (role !== undefined && tried !== undefined && tried.role !== role)
        throw registryError('ILLEGAL_TRANSITION', {
          detail: `${versionName(model, version)} is a ${tried.role}, not a ${role}`,
        });
      await this.#append({ kind: 'challenger-withdrawn', model, version, runId, bundleDigest, by, reason });
      await this.#announce(model);
    });
  }

  /** Tells inference what answers of a model, if it has not been told; after a change that failed half-way. */
  announce(model: string): Promise<void> {
    return this.#serially(async () => {
      await this.#announce(model);
    });
  }

  setAlias({ model, alias, version, by, reason }: { model: string; alias: string; version: number } & Decider) {
    return this.#serially(async () => {
      if (this.model(model)?.aliases[alias] === version) return;
      await this.#append({ kind: 'alias-set', model, alias, version, by, reason });
    });
  }

  /** Waits for the change that is being made, then stops following the log. */
  async close(): Promise<void> {
    const stopping = this.#log.close();
    await this.#last;
    await stopping;
  }

  #serially<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change);
    this.#last = result.catch((error: unknown) =>
      this.#dependencies.logger.debug({ reason: reasonOf(error) }, 'a change of the registry was refused'),
    );
    return result;
  }

  #append(...events: EventFields[]): Promise<void> {
    const { clock, newId } = this.#dependencies;
    const empty = {
      version: null,
      runId: null,
      stage: null,
      epoch: null,
      bundleDigest: null,
      alias: null,
      requestId: null,
      parameters: {},
      metrics: {},
      artifacts: {},
      lineage: '',
      reason: '',
    };
    return this.#log.append(events.map((fields) => ({ ...empty, ...fields, id: newId(), at: clock.now() })));
  }

  #announce(model: string): Promise<boolean> {
    return this.#announcer.announce(this.state(model));
  }

  /** A change that was decided but could not be announced: its caller was told so and asks again. */
  async #announceLate(model: string, action: AnsweringChange['action']): Promise<ServingVersion | undefined> {
    const { change, serving } = this.state(model);
    const late = await this.#announce(model);
    return late && change?.action === action ? (serving ?? undefined) : undefined;
  }

  #expectServing(model: string, epoch: number | undefined): void {
    const serving = this.state(model).serving?.epoch;
    if (epoch !== undefined && serving !== epoch)
      throw registryError('REGISTRY_CONFLICT', { detail: `epoch ${String(serving)} of ${model} serves, not ${epoch}` });
  }

  #nextEpoch(model: string): number {
    return Math.max(this.state(model).epoch, this.#announcer.epochOf(model)) + 1;
  }
}

/** What comes first for a version that is not staged yet. */
function staging({ stage }: Pick<RegisteredVersion, 'stage'>, about: Omit<EventFields, 'kind'>): EventFields[] {
  return stage === 'none' || stage === 'archived' ? [{ ...about, kind: 'stage-changed', stage: 'staging' }] : [];
}

function withdrawnEvent(model: string, { version, digest }: Challenger, decider: Decider): EventFields {
  return { ...decider, kind: 'challenger-withdrawn', model, version, bundleDigest: digest };
}

/** A figure that could not be computed is no figure. */
function finite(metrics: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)));
}

function lineageJson(lineage: unknown): string {
  return lineage === undefined || lineage === null ? '' : JSON.stringify(lineage);
}
