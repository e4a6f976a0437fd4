/** Injection tokens for what is not a class. */
export const CONFIGURATION = Symbol('configuration');
export const CLOCK = Symbol('clock');
export const READINESS = Symbol('readiness');
