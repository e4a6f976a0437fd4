import { type RegistryEvent, versionName } from '#libs/events';
import { changed, without } from './challengers.ts';
import { versionOf, withStage } from './registered-versions.ts';
import { settableStages, type Stage } from './stages.ts';
import type { Challenger, ModelState, RegisteredModel, RegisteredVersion, ServingChange } from './registry-state.ts';

/** A staged version takes over; the one that served is archived. */
export function promoted(model: ModelState, event: RegistryEvent): ModelState | string {
  const found = versionOf(model, event.version);
  if (found === undefined) return `${model.model} has no version ${String(event.version)}`;
  const name = versionName(model.model, found.version);
  if (found.stage === 'production') return `${name} serves already`;
  if (found.stage !== 'staging') return `${name} is in stage ${found.stage} and must be staged before it is promoted`;
  return takeOver(model, event, { version: found, action: 'promote', served: [...model.served, found.version] });
}

/** A version that has served before takes over again. */
export function rolledBack(model: ModelState, event: RegistryEvent): ModelState | string {
  const found = versionOf(model, event.version);
  if (found === undefined) return `${model.model} has no version ${String(event.version)}`;
  const refusal = rollbackRefusal(model, found.version);
  if (refusal !== undefined) return refusal;
  const place = model.served.lastIndexOf(found.version);
  const served = place === -1 ? [...model.served, found.version] : model.served.slice(0, place + 1);
  return takeOver(model, event, { version: found, action: 'rollback', served });
}

/** Versions that a rollback may go to, newest first. */
export function rollbackTargets({ history, serving }: RegisteredModel): number[] {
  const served = new Set(history.map(({ version }) => version));
  return [...served].filter((version) => version !== serving?.version).toSorted((a, b) => b - a);
}

export type Transition = 'promote' | 'rollback' | 'archive' | 'withdraw' | Challenger['role'];

/** What may be done instead of a transition that was refused, as `promote model@2`, newest version first. */
export function legalTransitions(model: RegisteredModel, action: Transition): string[] {
  return versionsFor(model, action).map((version) => `${action} ${versionName(model.model, version)}`);
}

function versionsFor(model: RegisteredModel, action: Transition): number[] {
  const tried = model.challengers.map(({ version }) => version);
  const canary = model.challengers.find(({ role }) => role === 'canary');
  if (action === 'rollback') return rollbackTargets(model);
  if (action === 'withdraw') return tried.toSorted((a, b) => b - a);
  if (action === 'canary' && canary !== undefined) return [canary.version];
  const fits = (stage: Stage) =>
    action === 'archive' ? settableStages(stage).includes('archived') : stage !== 'production';
  if (action !== 'promote' && action !== 'archive' && model.serving === null) return [];
  return model.versions
    .filter(({ stage }) => fits(stage))
    .map(({ version }) => version)
    .toReversed();
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
  const archived =
    model.serving === null ? model.versions : withStage(model.versions, model.serving.version, 'archived');
  const serving = { version: version.version, epoch, digest: version.digest, since: at };
  const after = {
    ...model,
    versions: withStage(archived, version.version, 'production'),
    serving,
    previous: served.at(-2) ?? null,
    history: [...model.history, { ...serving, action, by, reason }],
    served,
    epoch,
    // A canary was compared with the version that served; a shadow answers nobody and is compared anew.
    challengers: without(model.challengers, version.version).filter(({ role }) => role === 'shadow'),
  };
  return changed(after, { action, by, reason, at });
}
