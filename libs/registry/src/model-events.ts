import { type RegistryEvent, versionName } from '#libs/events';
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
  ['promoted', (model, event) => ending(promoted(model, event), event, 'promoted')],
  ['rolled-back', rolledBack],
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
    runs: model.runs.map((run) => (run.runId === runId ? { ...run, version } : run)),
  };
}

function stageChanged(model: ModelState, { version, stage }: RegistryEvent): Applied {
  const found = model.versions.find((other) => other.version === version);
  if (found === undefined) return `${model.model} has no version ${String(version)}`;
  const legal = settableStages(found.stage);
  const name = versionName(model.model, found.version);
  if (!isStage(stage) || !legal.includes(stage)) return illegalStage(name, found.stage, stage);
  return { ...model, versions: withStage(model.versions, found.version, stage) };
}

function illegalStage(name: string, from: Stage, to: string | null): string {
  if (from === 'production') return `${name} serves; promote another version or roll back, and it is archived`;
  const hint = to === 'production' ? ' (production is entered by promote or rollback)' : '';
  return `${name} is in stage ${from} and may go to ${settableStages(from).join(' or ')}, not to ${String(to)}${hint}`;
}

function refused(model: ModelState, event: RegistryEvent): Applied {
  const { version, runId, reason, at, metrics } = event;
  if (version !== null && !model.versions.some((other) => other.version === version))
    return `${model.model} has no version ${version}`;
  if (version !== null && version === model.serving?.version)
    return `${versionName(model.model, version)} serves; it cannot be refused any more`;
  const runs = model.runs.map((run): Run => {
    if (run.runId !== runId || run.status === 'failed') return run;
    return {
      ...run,
      status: 'refused',
      reason,
      metrics: { ...run.metrics, ...metrics },
      finishedAt: run.finishedAt ?? at,
    };
  });
  const versions = version === null ? model.versions : withStage(model.versions, version, 'archived');
  return ending({ ...model, runs, versions }, event, 'refused');
}

function aliasSet(model: ModelState, { alias, version }: RegistryEvent): Applied {
  if (alias === null || alias === '') return 'an alias needs a name';
  if (version === null || !model.versions.some((other) => other.version === version))
    return `${model.model} has no version ${String(version)}`;
  return { ...model, aliases: { ...model.aliases, [alias]: version } };
}

/** Notes how the request ended; a request ends once. */
function ending(after: Applied, event: RegistryEvent, kind: EndedRequest['kind']): Applied {
  const { requestId, version, epoch, reason, at } = event;
  if (typeof after === 'string' || requestId === null) return after;
  const before = after.ended.get(requestId);
  if (before !== undefined) return `request ${requestId} has ended before: ${before.kind}`;
  const ended = new Map(after.ended).set(requestId, { requestId, kind, version, epoch, reason, at });
  return { ...after, ended };
}

function changeRun(model: ModelState, runId: string | null, change: (run: Run) => Run | string): Applied {
  const found = model.runs.find((run) => run.runId === runId);
  if (found === undefined) return `${model.model} has no run ${String(runId)}`;
  const changed = change(found);
  if (typeof changed === 'string') return changed;
  return { ...model, runs: model.runs.map((run) => (run === found ? changed : run)) };
}

export function withStage(versions: readonly RegisteredVersion[], version: number, stage: Stage): RegisteredVersion[] {
  return versions.map((other) => (other.version === version ? { ...other, stage } : other));
}

function labelsOf({ serving, versions, datasets }: ModelState): readonly string[] {
  const version = versions.find((other) => other.version === serving?.version) ?? versions.at(-1);
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
