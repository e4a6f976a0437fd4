import { modelNamePattern, type RegistryEvent } from '#libs/events';
import { applyModelEvent } from './model-events.ts';
import { emptyModelState, type RegistryState } from './registry-state.ts';

/** What an event does to the registry. */
export type Decision =
  | { outcome: 'applied'; state: RegistryState }
  /** Its id has been seen before. */
  | { outcome: 'repeated'; state: RegistryState }
  /** It breaks a rule, so it changes nothing. */
  | { outcome: 'illegal'; state: RegistryState; why: string };

/**
 * Judges one event of the log. Pure and total: whoever replays the log in order comes to the same state, whatever the
 * log holds, because an event that breaks a rule changes nothing for anybody.
 */
export function decideRegistryEvent(state: RegistryState, event: RegistryEvent): Decision {
  const bucket = event.id.slice(0, 2);
  const ids = state.seen.get(bucket) ?? [];
  if (ids.includes(event.id)) return { outcome: 'repeated', state };
  const seen = new Map(state.seen).set(bucket, [...ids, event.id]);
  const ignored = { models: state.models, seen };
  if (!modelNamePattern.test(event.model))
    return { outcome: 'illegal', state: ignored, why: `${JSON.stringify(event.model)} is not a model name` };
  const result = applyModelEvent(state.models.get(event.model) ?? emptyModelState(event.model), event);
  if (typeof result === 'string') return { outcome: 'illegal', state: ignored, why: result };
  return { outcome: 'applied', state: { models: new Map(state.models).set(event.model, result), seen } };
}

/** The state after an event. */
export function applyRegistryEvent(state: RegistryState, event: RegistryEvent): RegistryState {
  return decideRegistryEvent(state, event).state;
}
