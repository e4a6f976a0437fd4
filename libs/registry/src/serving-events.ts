import { type RegistryEvent, versionName } from '#libs/events';
import type { ModelState, RegisteredVersion, ServingChange } from './registry-state.ts';
import type { Stage } from './stages.ts';

/** A staged version takes over; the one that served is archived. */
export function promoted(model: ModelState, event: RegistryEvent): ModelState | string {
  const found = model.versions.find(({ version }) => version === event.version);
  if (found === undefined) return `${model.model} has no version ${String(event.version)}`;
  const name = versionName(model.model, found.version);
  if (found.stage === 'production') return `${name} serves already`;
  if (found.stage !== 'staging') return `${name} is in stage ${found.stage} and must be staged before it is promoted`;
  return takeOver(model, event, { version: found, action: 'promote', served: [...model.served, found.version] });
}

/** A version that has served before takes over again. */
export function rolledBack(model: ModelState, event: RegistryEvent): ModelState | string {
  const found = model.versions.find(({ version }) => version === event.version);
  if (found === undefined) return `${model.model} has no version ${String(event.version)}`;
  const refusal = rollbackRefusal(model, found.version);
  if (refusal !== undefined) return refusal;
  const place = model.served.lastIndexOf(found.version);
  const served = place === -1 ? [...model.served, found.version] : model.served.slice(0, place + 1);
  return takeOver(model, event, { version: found, action: 'rollback', served });
}

/** Versions that a rollback may go to, newest first. */
export function rollbackTargets({ history, serving }: ModelState): number[] {
  const served = new Set(history.map(({ version }) => version));
  return [...served].filter((version) => version !== serving?.version).toSorted((a, b) => b - a);
}

function rollbackRefusal(model: ModelState, version: number): string | undefined {
  const name = versionName(model.model, version);
  if (model.serving?.version === version) return `${name} serves already`;
  const targets = rollbackTargets(model);
  if (targets.includes(version)) return undefined;
  const legal = targets.map((target) => versionName(model.model, target)).join(', ');
  return `${name} has never served; a rollback may go to ${legal === '' ? 'none yet' : legal}`;
}

function takeOver(
  model: ModelState,
  { epoch, by, reason, at }: RegistryEvent,
  { version, action, served }: { version: RegisteredVersion; action: ServingChange['action']; served: number[] },
): ModelState | string {
  if (epoch === null || epoch <= model.epoch)
    return `the next serving epoch of ${model.model} is above ${model.epoch}, not ${String(epoch)}`;
  const serving = { version: version.version, epoch, digest: version.digest, since: at };
  return {
    ...model,
    versions: model.versions.map((other) => ({ ...other, stage: stageAfter(other, version) })),
    serving,
    previous: served.at(-2) ?? null,
    history: [...model.history, { ...serving, action, by, reason }],
    served,
    epoch,
  };
}

function stageAfter(version: RegisteredVersion, serving: RegisteredVersion): Stage {
  if (version === serving) return 'production';
  return version.stage === 'production' ? 'archived' : version.stage;
}
