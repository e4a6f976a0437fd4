import { createRequire } from 'node:module';

interface RequestQueue {
  pending: unknown[];
  scheduleCheckPendingRequests(): void;
}

const guarded = Symbol('idle guard');

/**
 * kafkajs runs a timer every millisecond on every connection, also when nothing waits to be sent: about 2 % of a core
 * each. With the guard the timer is set only while requests wait. Applied once a process.
 */
export function guardIdleConnections(): void {
  const load: (id: string) => { prototype: RequestQueue & { [guarded]?: true } } = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/network/requestQueue');
  if (prototype[guarded] === true) return;
  prototype[guarded] = true;
  // oxlint-disable-next-line typescript/unbound-method -- called with the queue as `this` below
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function scheduleWhenPending(this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}
