import { randomUUID } from 'node:crypto';

/** The only source of the current time; tests pass their own. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A new random id (UUID v4). */
export function newId(): string {
  return randomUUID();
}
