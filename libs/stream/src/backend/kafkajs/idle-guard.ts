import { createRequire } from 'node:module';

interface RequestQueue {
  pending: unknown[];
  inflight: Map<number, { sentAt: number; requestTimeout: number; timeoutRequest(): void }>;
  requestTimeout: number;
  enforceRequestTimeout: boolean;
  requestTimeoutIntervalId: NodeJS.Timeout | undefined;
  isConnected(): boolean;
  destroy(): void;
  scheduleCheckPendingRequests(): void;
  scheduleRequestTimeoutCheck(): void;
}

const guarded = Symbol('idle guard');
/** Milliseconds between two looks for requests that have had no answer in time; they may wait half a minute. */
const timeoutCheck = 1000;

/**
 * kafkajs runs two timers on every connection, also when nothing is under way: one every millisecond for requests that
 * wait to be sent, about 2 % of a core each, and one every 100 ms for requests that have timed out, some 0.1 % each. With
 * the guard the first is set only while requests wait, and the second looks once a second. Applied once a process.
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
  prototype.scheduleRequestTimeoutCheck = function checkOnceASecond(this: RequestQueue) {
    if (!this.enforceRequestTimeout) return;
    this.destroy();
    this.requestTimeoutIntervalId = setInterval(
      () => {
        for (const request of this.inflight.values())
          // oxlint-disable-next-line no-restricted-properties -- kafkajs stamps sentAt with it
          if (Date.now() - request.sentAt > request.requestTimeout) request.timeoutRequest();
        if (!this.isConnected()) this.destroy();
      },
      Math.min(this.requestTimeout, timeoutCheck),
    );
  };
}
