import { describe, expect, it } from 'vitest';
import { EventHub, type HubEvent } from './event-hub.ts';

describe('EventHub', () => {
  it('hands out what was missed since the last event seen', () => {
    const hub = new EventHub();
    const seen: HubEvent[] = [];
    hub.listen((event) => seen.push(event));
    hub.publish('drift-reports', { n: 1 });
    hub.publish('throughput', { n: 2 });
    hub.publish('swaps', { n: 3 });
    expect(seen.map(({ event }) => event)).toEqual(['drift-reports', 'throughput', 'swaps']);
    const missed = hub.since(seen[0]?.id ?? '');
    expect(missed?.map(({ event }) => event)).toEqual(['swaps']);
  });

  it('does not pretend to know what another process sent', () => {
    const hub = new EventHub();
    hub.publish('swaps', {});
    expect(hub.since('00000000-1')).toBeUndefined();
    expect(hub.since('garbage')).toBeUndefined();
  });

  it('remembers a bounded number', () => {
    const hub = new EventHub();
    let first = '';
    const stop = hub.listen(({ id }) => (first ||= id));
    for (let i = 0; i < 1500; i++) hub.publish('swaps', i);
    stop();
    expect(hub.since(first)).toBeUndefined();
    expect(hub.wanted('swaps')).toBe(false);
  });

  it('tells a listener only what it asked for, and knows whether anybody wants an event', () => {
    const hub = new EventHub();
    const seen: string[] = [];
    const stop = hub.listen(
      ({ event }) => seen.push(event),
      (event) => event === 'swaps',
    );
    hub.publish('throughput', {});
    hub.publish('swaps', {});
    expect(seen).toEqual(['swaps']);
    expect([hub.wanted('swaps'), hub.wanted('throughput')]).toEqual([true, false]);
    stop();
    expect(hub.wanted('swaps')).toBe(false);
  });
});
