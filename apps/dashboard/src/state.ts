import { type AuditEntry, auditOfEvent, auditOfLists } from './audit.ts';
import { instant } from './format.ts';
import type {
  Comparison,
  DeadLetter,
  Decision,
  DriftReport,
  GatewayEvent,
  Model,
  PerformanceReport,
  RetrainingStatus,
  Run,
  ServingStatus,
  Swap,
  SystemStatus,
  Throughput,
} from './wire.ts';

export interface Connection {
  /** token: the gateway asks for one. */
  phase: 'connecting' | 'live' | 'lost' | 'token';
  /** Why it is lost, in the gateway's or the browser's words. */
  reason: string;
}

/** Everything the page shows. Of one model; of every list only its newest part, so that a page open for weeks stays small. */
export interface State {
  connection: Connection;
  /** null until the registry has been asked. */
  models: readonly Model[] | null;
  model: string | undefined;
  /** The lists of the model have been read. */
  loaded: boolean;
  /** Event-time order, oldest first. */
  drift: readonly DriftReport[];
  /** Of scope window, oldest first. */
  performance: readonly PerformanceReport[];
  rolling: PerformanceReport | undefined;
  /** These newest first. */
  decisions: readonly Decision[];
  /** The decisions that asked for a retraining, which the many others would push out. */
  fired: readonly Decision[];
  swaps: readonly Swap[];
  /** Of the versions that are tried now. */
  comparisons: readonly Comparison[];
  audit: readonly AuditEntry[];
  runs: readonly Run[];
  /** The last word of each inference instance. */
  serving: readonly ServingStatus[];
  throughput: readonly Throughput[];
  retraining: RetrainingStatus | undefined;
  status: SystemStatus | undefined;
  deadLetters: { topics: readonly { topic: string; waiting: number }[]; newest: readonly DeadLetter[] } | undefined;
  /** Key of the window that was chosen; undefined: the newest that matters is shown. */
  window: string | undefined;
}

/** What the lists of one model say. */
export interface Lists {
  drift: readonly DriftReport[];
  performance: readonly PerformanceReport[];
  rolling: PerformanceReport | undefined;
  decisions: readonly Decision[];
  fired: readonly Decision[];
  swaps: readonly Swap[];
  runs: readonly Run[];
}

export type Action =
  | { type: 'connection'; connection: Connection }
  | { type: 'models'; models: readonly Model[] }
  | { type: 'model'; model: string }
  | { type: 'lists'; model: string; lists: Lists }
  | { type: 'comparisons'; model: string; comparisons: readonly Comparison[] }
  | { type: 'runs'; model: string; runs: readonly Run[] }
  | { type: 'status'; status: SystemStatus }
  | { type: 'dead-letters'; deadLetters: State['deadLetters'] }
  | { type: 'window'; window: string | undefined }
  | { type: 'event'; event: GatewayEvent };

export const kept = { windows: 200, decisions: 100, swaps: 60, audit: 100, runs: 20, throughput: 300 } as const;

const ofNoModel = {
  loaded: false,
  drift: [],
  performance: [],
  rolling: undefined,
  decisions: [],
  fired: [],
  swaps: [],
  comparisons: [],
  audit: [],
  runs: [],
  window: undefined,
} satisfies Partial<State>;

export const initialState: State = {
  connection: { phase: 'connecting', reason: '' },
  models: null,
  model: undefined,
  serving: [],
  throughput: [],
  retraining: undefined,
  status: undefined,
  deadLetters: undefined,
  ...ofNoModel,
};

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'connection':
      return { ...state, connection: action.connection };
    case 'models':
      return withModels(state, action.models);
    case 'model':
      return action.model === state.model ? state : { ...state, ...ofNoModel, model: action.model };
    case 'lists':
      return action.model === state.model ? withLists(state, action.lists) : state;
    case 'comparisons':
      return action.model === state.model ? { ...state, comparisons: action.comparisons } : state;
    case 'runs':
      return action.model === state.model ? { ...state, runs: action.runs.slice(0, kept.runs) } : state;
    case 'status':
      return withStatus(state, action.status);
    case 'dead-letters':
      return { ...state, deadLetters: action.deadLetters };
    case 'window':
      return { ...state, window: action.window };
    case 'event':
      return withEvent(state, action.event);
  }
}

/** A model that is gone is not looked at any longer; the first one is, where none was chosen. */
function withModels(state: State, models: readonly Model[]): State {
  const there = models.some(({ model }) => model === state.model);
  return there || models.length === 0
    ? { ...state, models }
    : { ...state, ...ofNoModel, models, model: models[0]?.model };
}

/** Events that came while the lists were read are kept: both say the same of what both know. */
function withLists(state: State, lists: Lists): State {
  const model = state.models?.find((one) => one.model === state.model);
  const audit = auditOfLists(model, lists.runs, lists.swaps);
  return {
    ...state,
    loaded: true,
    drift: mergeWindows(state.drift, lists.drift),
    performance: mergeWindows(state.performance, lists.performance),
    rolling: newerReport(state.rolling, lists.rolling),
    decisions: merge(state.decisions, lists.decisions, decisionList),
    fired: merge(state.fired, lists.fired, decisionList),
    swaps: merge(state.swaps, lists.swaps, swapList),
    audit: merge(state.audit, audit, auditList),
    runs: lists.runs.slice(0, kept.runs),
  };
}

function withStatus(state: State, status: SystemStatus): State {
  const { inference, retraining } = status.apps;
  const told = (inference?.serving ?? []).reduce(withServing, state.serving);
  return { ...state, status, serving: told, retraining: retraining ?? state.retraining };
}

function withEvent(state: State, event: GatewayEvent): State {
  if (event.name === 'throughput') {
    return { ...state, throughput: [...state.throughput.slice(1 - kept.throughput), event.data] };
  }
  if (event.name === 'retraining') return { ...state, retraining: event.data };
  if (event.name === 'serving-status') return { ...state, serving: withServing(state.serving, event.data) };
  if (event.name === 'hello' || event.data.model !== state.model) return state;
  switch (event.name) {
    case 'drift-reports':
      return { ...state, drift: mergeWindows(state.drift, [event.data]) };
    case 'performance-reports':
      return event.data.scope === 'window'
        ? { ...state, performance: mergeWindows(state.performance, [event.data]) }
        : { ...state, rolling: newerReport(state.rolling, event.data) };
    case 'trigger-decisions':
      return {
        ...state,
        decisions: merge(state.decisions, [event.data], decisionList),
        fired: event.data.outcome === 'fired' ? merge(state.fired, [event.data], decisionList) : state.fired,
      };
    case 'swaps':
      return { ...state, swaps: merge(state.swaps, [event.data], swapList) };
    case 'registry-events':
      return { ...state, audit: merge(state.audit, [auditOfEvent(event.data)], auditList) };
    case 'model-versions':
      return withServingVersion(state, event.data);
  }
}

/** The registry is asked as well, but this is what is true from now on. */
function withServingVersion(
  state: State,
  { model, version, epoch, at }: { model: string; version: number; epoch: number; at: string },
): State {
  if (state.models === null) return state;
  const models = state.models.map((one) =>
    // Of the same epoch it is a decision about challengers: the champion has served before.
    one.model === model && epoch > (one.serving?.epoch ?? 0) ? { ...one, serving: { version, epoch, since: at } } : one,
  );
  return { ...state, models };
}

/** Adds the windows; of a restated window the highest revision counts. */
function mergeWindows<T extends DriftReport | PerformanceReport>(
  before: readonly T[],
  more: readonly T[],
): readonly T[] {
  const byId = new Map(before.map((report) => [report.id, report]));
  for (const report of more) {
    if ((byId.get(report.id)?.revision ?? -1) <= report.revision) byId.set(report.id, report);
  }
  return [...byId.values()]
    .sort((a, b) => instant(a.windowStart) - instant(b.windowStart) || instant(a.windowEnd) - instant(b.windowEnd))
    .slice(-kept.windows);
}

function newerReport(a: PerformanceReport | undefined, b: PerformanceReport | undefined) {
  if (a === undefined || b === undefined) return a ?? b;
  return instant(b.createdAt) >= instant(a.createdAt) ? b : a;
}

interface NewestFirst<T> {
  key: (item: T) => string;
  time: (item: T) => number;
  most: number;
  /** What is known of an item from both sides; absent: the later one replaces the earlier. */
  join?: (a: T, b: T) => T;
}

const decisionList: NewestFirst<Decision> = {
  key: ({ id, outcome, decidedAt }) => `${id}|${outcome}|${decidedAt}`,
  time: ({ decidedAt }) => instant(decidedAt),
  most: kept.decisions,
};
const swapList: NewestFirst<Swap> = {
  key: ({ epoch, instance }) => `${epoch}|${instance ?? ''}`,
  // Epochs only rise, whatever the clocks of the instances say.
  time: ({ epoch }) => epoch,
  most: kept.swaps,
  join: (a, b) => ({ ...a, ...b, firstOffsets: b.firstOffsets.length > 0 ? b.firstOffsets : a.firstOffsets }),
};
const auditList: NewestFirst<AuditEntry> = {
  key: ({ key }) => key,
  time: ({ at }) => at,
  most: kept.audit,
  join: (a, b) => ({ ...a, requestId: a.requestId ?? b.requestId }),
};

function merge<T>(before: readonly T[], more: readonly T[], { key, time, most, join }: NewestFirst<T>): readonly T[] {
  const byKey = new Map(before.map((item) => [key(item), item]));
  for (const item of more) {
    const known = byKey.get(key(item));
    byKey.set(key(item), known === undefined || join === undefined ? item : join(known, item));
  }
  return [...byKey.values()].sort((a, b) => time(b) - time(a)).slice(0, most);
}

/** Most instances that are remembered; they are few, and one that is restarted may come back under another name. */
const mostInstances = 50;

function withServing(before: readonly ServingStatus[], status: ServingStatus): readonly ServingStatus[] {
  const same = (one: ServingStatus) => one.instance === status.instance && one.model === status.model;
  const known = before.find(same);
  if (known !== undefined && (known.epoch > status.epoch || instant(known.at) > instant(status.at))) return before;
  return [status, ...before.filter((one) => !same(one))].slice(0, mostInstances);
}
