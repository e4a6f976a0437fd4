import type {
  DriftReport as DriftRecord,
  ModelVersion as ModelVersionRecord,
  PerformanceReport as PerformanceRecord,
  RegistryEvent as RegistryRecord,
  ServingStatus as ServingRecord,
  TriggerDecision as DecisionRecord,
} from '#libs/events';

export type { DriftStatistic, Interval, Movement } from '#libs/events';

/** A record as the gateway writes it in JSON: the named times are RFC 3339. */
type Timed<T, Times extends keyof T> = Omit<T, Times> & Readonly<Record<Times, string>>;

export type DriftReport = Timed<DriftRecord, 'windowStart' | 'windowEnd' | 'createdAt'>;
export type PerformanceReport = Timed<PerformanceRecord, 'windowStart' | 'windowEnd' | 'createdAt'>;
export type Decision = Timed<DecisionRecord, 'occurredAt' | 'decidedAt'>;
export type RegistryEvent = Timed<RegistryRecord, 'at'>;
type ModelVersion = Timed<ModelVersionRecord, 'at'>;
/** `at` is a number where an app says it itself in its status. */
export type ServingStatus = Omit<ServingRecord, 'at'> & { at: string | number };

/** One instance taking over one version; what only the list knows is absent in the event. */
export interface Swap {
  model: string;
  epoch: number;
  version: number;
  fromVersion: number | null;
  /** null until an instance takes note of it. */
  instance: string | null;
  servingAt: string | null;
  firstOffsets: { partition: number; offset: number }[];
  device: string | null;
  action?: string;
  reason?: string;
  promotedBy?: string;
  promotedAt?: string | null;
}

export interface Throughput {
  at: string;
  textsPerSecond: number;
  predictionsPerSecond: number;
  labelsPerSecond: number;
  /** Of the predictions of the last seconds, where the gateway measures it. */
  latencyMilliseconds?: { p50: number; p99: number } | null;
}

export interface Gate {
  name: string;
  passed: boolean;
  reason?: string;
}

/** What retraining says of itself; everything but the first three only while there is something to say. */
export interface RetrainingStatus {
  ready: boolean;
  idle: boolean;
  reasons: string[];
  model?: string | null;
  phase?: string | null;
  /** From 0 to 1. */
  progress?: number | null;
  detail?: string | null;
  gates?: Gate[] | null;
}

export interface Version {
  version: number;
  stage: string;
  createdAt: string;
  createdBy?: string;
  reason?: string;
  digest: string;
  metrics: Record<string, number>;
}

export interface Model {
  model: string;
  labels: string[];
  serving: { version: number; epoch: number; since?: string | null } | null;
  challengers?: { version: number; role: string; share: number }[];
  versions: Version[];
}

interface Discordant {
  onlyChampionRight: number;
  onlyChallengerRight: number;
}

/** A challenger beside the champion on the labels of texts that both answered, and on those that one was shown. */
export interface Comparison extends Discordant {
  champion: number;
  challenger: number;
  role: string | null;
  share: number | null;
  since: string | null;
  instances: { state: string; error: string | null }[];
  labels: number;
  shownByChampion: Discordant;
  shownByChallenger: Discordant;
  evidenceOfBetter: number;
  evidenceOfWorse: number;
  /** Evidence at which a canary is decided about. */
  decisiveEvidence: number;
}

export interface Run {
  runId: string;
  model: string;
  status: string;
  version: number | null;
  startedAt: string;
  finishedAt: string | null;
  metrics: Record<string, number>;
  reason: string;
  by: string;
}

interface AppStatus {
  ready: boolean;
  idle: boolean;
  reasons: string[];
}

export interface SystemStatus extends AppStatus {
  apps: Record<string, AppStatus> & {
    inference?: AppStatus & { serving?: ServingStatus[] };
    retraining?: RetrainingStatus;
  };
  lags: Record<string, Record<string, number | null>>;
}

export interface DeadLetter {
  id: number;
  topic: string;
  partition: number;
  offset: number;
  error: string;
  reason: string;
  text: string;
  failedAt: string | null;
}

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** Server-sent events by name. */
export interface GatewayEvents {
  hello: { resumed: boolean };
  throughput: Throughput;
  retraining: RetrainingStatus;
  swaps: Swap;
  'drift-reports': DriftReport;
  'performance-reports': PerformanceReport;
  'trigger-decisions': Decision;
  'model-versions': ModelVersion;
  'serving-status': ServingStatus;
  'registry-events': RegistryEvent;
}
/** An event together with its payload; others are new to this page. */
export type GatewayEvent = { [N in keyof GatewayEvents]: { name: N; data: GatewayEvents[N] } }[keyof GatewayEvents];
