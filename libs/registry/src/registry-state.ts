import type { Stage } from './stages.ts';

/** One immutable version of a model. */
export interface RegisteredVersion {
  readonly model: string;
  readonly version: number;
  readonly stage: Stage;
  /** sha256 of the bundle. */
  readonly digest: string;
  readonly runId: string | null;
  readonly requestId: string | null;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly createdBy: string;
  readonly reason: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly labels: readonly string[];
  /** Code commit, configuration, data snapshot, seeds, packages and trainer; null: none is known. */
  readonly lineage: unknown;
}

/** The version that serves. */
export interface ServingVersion {
  readonly version: number;
  readonly epoch: number;
  readonly digest: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** One change of the serving version, as told to inference. */
export interface ServingChange extends ServingVersion {
  readonly action: 'promote' | 'rollback';
  readonly by: string;
  readonly reason: string;
}

/** A version that is tried beside the one that serves: a shadow answers nobody, a canary a share of the texts. */
export interface Challenger {
  readonly version: number;
  readonly digest: string;
  readonly role: 'shadow' | 'canary';
  /** Share of the texts a canary answers; 0 for a shadow. */
  readonly share: number;
  /** Epoch milliseconds. */
  readonly since: number;
  readonly by: string;
  readonly reason: string;
}

/** The newest decision about what answers, as told to inference. */
export interface AnsweringChange {
  readonly action: ServingChange['action'] | Challenger['role'] | 'withdraw';
  readonly by: string;
  readonly reason: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface RegisteredDataset {
  /** sha256 of the labelled texts in the artifact store. */
  readonly digest: string;
  readonly texts: number;
  readonly labels: readonly string[];
  readonly addedBy: string;
  /** Epoch milliseconds. */
  readonly addedAt: number;
}

/** A model as the registry knows it. */
export interface RegisteredModel {
  readonly model: string;
  /** Of the serving version, else of the newest, else of the newest data set. */
  readonly labels: readonly string[];
  readonly serving: ServingVersion | null;
  /** Versions that are tried beside it, in the order they were set; at most one is a canary. */
  readonly challengers: readonly Challenger[];
  /** The version a rollback without a target goes back to. */
  readonly previous: number | null;
  readonly versions: readonly RegisteredVersion[];
  readonly aliases: Readonly<Record<string, number>>;
  readonly datasets: readonly RegisteredDataset[];
  /** Every change of the serving version, oldest first. */
  readonly history: readonly ServingChange[];
}

export type RunStatus = 'running' | 'finished' | 'refused' | 'failed';

/** One attempt to make a version. */
export interface Run {
  readonly runId: string;
  readonly model: string;
  readonly requestId: string | null;
  readonly status: RunStatus;
  readonly version: number | null;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, number>>;
  /** Name to sha256 in the artifact store. */
  readonly artifacts: Readonly<Record<string, string>>;
  readonly lineage: unknown;
  readonly reason: string;
  readonly by: string;
}

/** How a request ended: for a retraining (as a canary, it may be promoted later), or for a rollback. */
export interface EndedRequest {
  readonly requestId: string;
  readonly kind: 'promoted' | 'challenger-set' | 'refused' | 'run-failed' | 'rolled-back';
  readonly version: number | null;
  readonly epoch: number | null;
  readonly reason: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** All the log says of one model. */
export interface ModelState extends RegisteredModel {
  readonly runs: readonly Run[];
  readonly ended: readonly EndedRequest[];
  /** Versions in the order a rollback goes back through them; the last one serves. */
  readonly served: readonly number[];
  /** Highest serving epoch so far; 0: none. */
  readonly epoch: number;
  /** How many decisions about what answers there were. */
  readonly revision: number;
  readonly change: AnsweringChange | null;
}

/** What replaying registry-events gives. */
export interface RegistryState {
  readonly models: ReadonlyMap<string, ModelState>;
  /** Ids of the events seen, in buckets so that one more does not copy them all. */
  readonly seen: ReadonlyMap<string, readonly string[]>;
}

export const emptyRegistryState: RegistryState = { models: new Map(), seen: new Map() };

export function emptyModelState(model: string): ModelState {
  return {
    model,
    labels: [],
    serving: null,
    challengers: [],
    previous: null,
    versions: [],
    aliases: {},
    datasets: [],
    history: [],
    runs: [],
    ended: [],
    served: [],
    epoch: 0,
    revision: 0,
    change: null,
  };
}
