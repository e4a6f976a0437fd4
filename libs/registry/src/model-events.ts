import { type RegistryEvent, versionName } from '#libs/events';
import { archived, challengerSet, challengerWithdrawn } from './challengers.ts';
import { versionOf, withStage } from './registered-versions.ts';
import type { EndedRequest, ModelState, RegisteredVersion, Run } from './registry-state.ts';
import { promoted, rolledBack } from './serving-events.ts';
import { isStage, settableStages, type Stage } from './stages.ts';

/** The model after the event, or why the event is against the rules. */
export type Applied = ModelState | string;

export function applyModelEvent(model: ModelState, event: RegistryEvent): Applied {
  const handler = handlers.get(event.kind);
  if (handler === undefined) return `${event.kind} is not a kind of registry event`;
  const after = handler(model, event);
  return typeof after === 'string' ? after : { ...after, labels: labelsOf(after) };
}

const handlers: ReadonlyMap<string, (model: ModelState, event: RegistryEvent) => Applied> = new Map([
  ['dataset-added', datasetAdded],
  ['run-started', runStarted],
  ['run-finished', runFinished],
  ['run-failed', runFailed],
  ['version-registered', versionRegistered],
  ['stage-changed', stageChanged],
  ['promoted', (model, event) => decided(ending(promoted(model, event), event, 'promoted'), event, 'promoted')],
  ['rolled-back', (model, event) => ending(rolledBack(model, event), event, 'rolled-back')],
  ['challenger-set', (model, event) => ending(challengerSet(model, event), event, 'challenger-set')],
  ['challenger-withdrawn', challengerWithdrawn],
  ['refused', refused],
  ['alias-set', aliasSet],
]);

function datasetAdded(model: ModelState, { artifacts, metrics, parameters, by, at }: RegistryEvent): Applied {
  const digest = artifacts['dataset'];
  if (digest === undefined) return 'a data set needs its digest';
  const dataset = {
    digest,
    texts: metrics['texts'] ?? 0,
    labels: parsedLabels(parameters['labels']),
    addedBy: by,
    addedAt: at,
  };
  return { ...model, datasets: [...model.datasets.filter((other) => other.digest !== digest), dataset] };
}

function runStarted(model: ModelState, { runId, requestId, parameters, reason, by, at }: RegistryEvent): Applied {
  if (runId === null) return 'a run needs an id';
  if (model.runs.some((run) => run.runId === runId)) return `run ${runId} has been started before`;
  const run: Run = {
    runId,
    model: model.model,
    requestId,
    status: 'running',
    version: null,
    startedAt: at,
    finishedAt: null,
    parameters,
    metrics: {},
    artifacts: {},
    lineage: null,
    reason,
    by,
  };
  return { ...model, runs: [...model.runs, run] };
}

function runFinished(model: ModelState, { runId, metrics, artifacts, lineage, at }: RegistryEvent): Applied {
  return changeRun(model, runId, (run) =>
    run.status === 'running'
      ? { ...run, status: 'finished', metrics, artifacts, lineage: parsedLineage(lineage), finishedAt: at }
      : `run ${run.runId} is ${run.status} already`,
  );
}

function runFailed(model: ModelState, event: RegistryEvent): Applied {
  const after = changeRun(model, event.runId, (run) => {
    if (run.status === 'failed' || run.status === 'refused') return `run ${run.runId} is ${run.status} already`;
    if (run.version !== null && model.served.includes(run.version))
      return `run ${run.runId} made ${versionName(model.model, run.version)}, which has served`;
    return { ...run, status: 'failed', reason: event.reason, finishedAt: event.at };
  });
  return ending(after, event, 'run-failed');
}

function versionRegistered(model: ModelState, event: RegistryEvent): Applied {
  const { version, bundleDigest, runId, requestId, metrics, parameters, lineage, by, reason, at } = event;
  const next = (model.versions.at(-1)?.version ?? 0) + 1;
  if (version !== next) return `the next version of ${model.model} is ${next}, not ${String(version)}`;
  if (bundleDigest === null) return 'a version needs the digest of its bundle';
  if (runId !== null && model.versions.some((other) => other.runId === runId))
    return `run ${runId} has registered a version before`;
  const registered: RegisteredVersion = {
    model: model.model,
    version,
    stage: 'none',
    digest: bundleDigest,
    runId,
    requestId,
    createdAt: at,
    createdBy: by,
    reason,
    metrics,
    labels: parsedLabels(parameters['labels']),
    lineage: parsedLineage(lineage),
  };
  return {
    ...model,
    versions: [...model.versions, registered],
    runs: withRun(model.runs, runId, (run) => ({ ...run, version })),
  };
}

function stageChanged(model: ModelState, event: RegistryEvent): Applied {
  const { version, stage } = event;
  const found = versionOf(model, version);
  if (found === undefined) return `${model.model} has no version ${String(version)}`;
  const legal = settableStages(found.stage);
  const name = versionName(model.model, found.version);
  if (!isStage(stage) || !legal.includes(stage)) return illegalStage(name, found.stage, stage);
  const after = { ...model, versions: withStage(model.versions, found.version, stage) };
  return stage === 'archived' ? decided(archived(after, event), event, 'refused') : after;
}

function illegalStage(name: string, from: Stage, to: string | null): string {
  if (from === 'production') return `${name} serves; promote another version or roll back, and it is archived`;
  const hint = to === 'production' ? ' (production is entered by promote or rollback)' : '';
  return `${name} is in stage ${from} and may go to ${settableStages(from).join(' or ')}, not to ${String(to)}${hint}`;
}

function refused(model: ModelState, event: RegistryEvent): Applied {
  const { version, runId, reason, at, metrics } = event;
  if (version !== null && versionOf(model, version) === undefined) return `${model.model} has no version ${version}`;
  if (version !== null && version === model.serving?.version)
    return `${versionName(model.model, version)} serves; it cannot be refused any more`;
  const runs = withRun(model.runs, runId, (run): Run => {
    if (run.status === 'failed') return run;
    return {
      ...run,
      status: 'refused',
      reason,
      metrics: { ...run.metrics, ...metrics },
      finishedAt: run.finishedAt ?? at,
    };
  });
  const versions = version === null ? model.versions : withStage(model.versions, version, 'archived');
  return ending(archived({ ...model, runs, versions }, event), event, 'refused');
}

function aliasSet(model: ModelState, { alias, version }: RegistryEvent): Applied {
  if (alias === null || alias === '') return 'an alias needs a name';
  if (version === null || versionOf(model, version) === undefined)
    return `${model.model} has no version ${String(version)}`;
  return { ...model, aliases: { ...model.aliases, [alias]: version } };
}

/** Notes how the request ended; a request ends once. */
function ending(after: Applied, event: RegistryEvent, kind: EndedRequest['kind']): Applied {
  const { requestId, version, epoch, reason, at } = event;
  if (typeof after === 'string' || requestId === null) return after;
  const before = after.ended.find((request) => request.requestId === requestId);
  if (before !== undefined) return `request ${requestId} has ended before: ${before.kind}`;
  return { ...after, ended: [...after.ended, { requestId, kind, version, epoch, reason, at }] };
}

/** A request whose version somebody else has decided about ends with that. */
function decided(after: Applied, event: RegistryEvent, kind: EndedRequest['kind']): Applied {
  if (typeof after === 'string') return after;
  const requestId = versionOf(after, event.version)?.requestId ?? null;
  const open = after.ended.every((request) => request.requestId !== requestId);
  return open ? ending(after, { ...event, requestId }, kind) : after;
}

function changeRun(model: ModelState, runId: string | null, change: (run: Run) => Run | string): Applied {
  const at = model.runs.findLastIndex((run) => run.runId === runId);
  const found = model.runs[at];
  if (found === undefined) return `${model.model} has no run ${String(runId)}`;
  const changed = change(found);
  return typeof changed === 'string' ? changed : { ...model, runs: model.runs.with(at, changed) };
}

function withRun(runs: readonly Run[], runId: string | null, change: (run: Run) => Run): readonly Run[] {
  const at = runs.findLastIndex((run) => run.runId === runId);
  const found = runs[at];
  return found === undefined ? runs : runs.with(at, change(found));
}

function labelsOf({ serving, versions, datasets }: ModelState): readonly string[] {
  const version = versions[(serving?.version ?? 0) - 1] ?? versions.at(-1);
  return version?.labels ?? datasets.at(-1)?.labels ?? [];
}

/** Labels travel as JSON in the event's parameters. */
function parsedLabels(json: string | undefined): string[] {
  const value = parsedJson(json ?? '[]');
  return Array.isArray(value) ? value.filter((label) => typeof label === 'string') : [];
}

function parsedLineage(json: string): unknown {
  return json === '' ? null : parsedJson(json);
}

/** Total, as the reducer is. */
function parsedJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
