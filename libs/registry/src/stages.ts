/** Where a version stands. */
export type Stage = 'none' | 'staging' | 'production' | 'archived';

/**
 * Which stages may follow one. Production is entered by a promotion (from staging) or a rollback (from archived, by a
 * version that has served before) and left only when another version takes its place.
 */
export const transitions: Readonly<Record<Stage, readonly Stage[]>> = {
  none: ['staging', 'archived'],
  staging: ['production', 'archived'],
  production: ['archived'],
  archived: ['staging', 'production'],
};

export function isStage(value: unknown): value is Stage {
  return typeof value === 'string' && Object.hasOwn(transitions, value);
}

/** Stages that people and policies may set directly. */
export function settableStages(from: Stage): Stage[] {
  return from === 'production' ? [] : transitions[from].filter((stage) => stage !== 'production');
}
