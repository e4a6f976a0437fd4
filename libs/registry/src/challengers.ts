import { type RegistryEvent, versionName } from '#libs/events';
import { versionOf } from './registered-versions.ts';
import type { AnsweringChange, Challenger, ModelState } from './registry-state.ts';

/** A canary answers at most this share of the texts: the champion is the one that is known. */
export const largestShare = 0.5;

/** A staged version is tried beside the serving one, or goes on in another role or with another share. */
export function challengerSet(model: ModelState, event: RegistryEvent): ModelState | string {
  const found = versionOf(model, event.version);
  if (found === undefined) return `${model.model} has no version ${String(event.version)}`;
  const { parameters, metrics, by, reason, at } = event;
  const name = versionName(model.model, found.version);
  const role = parameters['role'];
  const share = metrics['share'] ?? 0;
  if (role !== 'shadow' && role !== 'canary') return `a challenger is a shadow or a canary, not ${String(role)}`;
  if (model.serving === null) return `nothing of ${model.model} serves that ${name} could be compared with`;
  if (model.serving.version === found.version) return `${name} serves; a challenger is another version`;
  if (found.stage !== 'staging') return `${name} is in stage ${found.stage} and must be staged before it is tried`;
  if (role === 'shadow' && share !== 0) return `a shadow answers nobody: its share is 0, not ${share}`;
  if (role === 'canary' && !(share > 0 && share <= largestShare))
    return `a canary answers a share above 0 and up to ${largestShare} of the texts, not ${share}`;
  const canary = model.challengers.find((other) => other.role === 'canary' && other.version !== found.version);
  if (role === 'canary' && canary !== undefined)
    return `${versionName(model.model, canary.version)} is the canary; withdraw it before another one is tried`;
  const before = model.challengers.find(({ version }) => version === found.version);
  const { version, digest } = found;
  const since = before?.role === role ? before.since : at;
  const challenger: Challenger = { version, digest, role, share, since, by, reason };
  const challengers = [...without(model.challengers, version), challenger];
  return changed({ ...model, challengers }, { action: role, by, reason, at });
}

export function challengerWithdrawn(
  model: ModelState,
  { version, by, reason, at }: RegistryEvent,
): ModelState | string {
  const challengers = without(model.challengers, version);
  if (challengers.length === model.challengers.length) return `${challengerName(model, version)} is not tried`;
  return changed({ ...model, challengers }, { action: 'withdraw', by, reason, at });
}

/** What is archived is tried no longer. */
export function archived(model: ModelState, event: RegistryEvent): ModelState {
  const after = challengerWithdrawn(model, event);
  return typeof after === 'string' ? model : after;
}

/** Inference is told what answers now. */
export function changed(model: ModelState, change: AnsweringChange): ModelState {
  return { ...model, revision: model.revision + 1, change };
}

export function without(challengers: readonly Challenger[], version: number | null): readonly Challenger[] {
  return challengers.filter((challenger) => challenger.version !== version);
}

function challengerName({ model }: ModelState, version: number | null): string {
  return version === null ? `no version of ${model}` : versionName(model, version);
}
