import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lease } from './lease.ts';

let now: number;
let confirmed: number;
let answer: Error | undefined;
/** The coordinator takes its time. */
let slow: Promise<void> | undefined;
let rebalances: number;
let lease: Lease;

beforeEach(() => {
  vi.useFakeTimers();
  now = 100_000;
  confirmed = now;
  answer = undefined;
  slow = undefined;
  rebalances = 0;
  lease = new Lease({
    clock: { now: () => now },
    sessionTimeout: 6000,
    drainTimeout: 500,
    heartbeat: async () => {
      await slow;
      if (answer !== undefined) throw answer;
      confirmed = now;
    },
    lastConfirmed: () => confirmed,
    onRebalance: () => {
      rebalances++;
      lease.drain();
    },
  });
});
afterEach(() => {
  lease.end();
  vi.useRealTimers();
});

const protocolError = (type: string) => Object.assign(new Error(type), { type });

describe('Lease', () => {
  it('sends heartbeats while a handler runs', async () => {
    now += 5000;
    await vi.advanceTimersByTimeAsync(1000);
    expect(confirmed).toBe(now);
  });

  it('lets effects through while the last heartbeat is younger than half the session, else asks first', async () => {
    now += 2900;
    answer = new Error('connection lost');
    await lease.fence();
    now += 200;
    await expect(lease.fence()).rejects.toMatchObject({ code: 'CONSUMER_FENCED', retriable: true });
    answer = undefined;
    await lease.fence();
    expect(confirmed).toBe(now);
  });

  it('waits for the answer to a heartbeat that is under way when effects are asked for', async () => {
    const answered = Promise.withResolvers<void>();
    slow = answered.promise;
    now += 3000;
    await vi.advanceTimersByTimeAsync(1000);
    const fenced = lease.fence();
    answered.resolve();
    await fenced;
    expect(confirmed).toBe(now);
  });

  it.each(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID'])('is lost on %s', async (type) => {
    answer = protocolError(type);
    await vi.advanceTimersByTimeAsync(1000);
    expect([lease.lost.aborted, lease.draining.aborted]).toEqual([true, true]);
    expect(lease.eviction?.message).toBe(type);
    await expect(lease.fence()).rejects.toMatchObject({ code: 'CONSUMER_FENCED' });
  });

  it('drains on a rebalance, and is lost when the handler takes too long over it', async () => {
    answer = protocolError('REBALANCE_IN_PROGRESS');
    await vi.advanceTimersByTimeAsync(1000);
    expect([rebalances, lease.draining.aborted, lease.lost.aborted]).toEqual([1, true, false]);
    await lease.fence();
    await vi.advanceTimersByTimeAsync(500);
    expect(lease.lost.aborted).toBe(true);
    expect(lease.eviction).toBeUndefined();
  });

  it('keeps the highest resolved offset', () => {
    expect(lease.resolved).toBeUndefined();
    lease.resolve(7n);
    lease.resolve(5n);
    expect(lease.resolved).toBe(7n);
  });
});
