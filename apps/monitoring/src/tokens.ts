/** Injection token for what is not a class. */
export const READINESS = Symbol('readiness');
