import type { GatewayEvent, GatewayEvents } from '../wire.ts';

const files = import.meta.glob<object>(
  '../../../../schemas/examples/*-{reports,decisions,versions,status,events}/1/*.json',
  { eager: true, import: 'default' },
);
const times = new Set(['windowStart', 'windowEnd', 'createdAt', 'occurredAt', 'decidedAt', 'at']);

/** An example of schemas/examples as the gateway sends it, with some fields changed. */
export function example<N extends Exclude<keyof GatewayEvents, 'hello' | 'throughput' | 'retraining' | 'swaps'>>(
  topic: N,
  name: string,
  changes: Partial<GatewayEvents[N]> = {},
): GatewayEvents[N] {
  const record = files[`../../../../schemas/examples/${topic}/1/${name}.json`];
  if (record === undefined) throw new Error(`there is no example ${name} of ${topic}`);
  const entries = Object.entries(record).map(([field, value]) => [
    field,
    times.has(field) && typeof value === 'number' ? new Date(value).toISOString() : value,
  ]);
  return { ...Object.fromEntries(entries), ...changes };
}

/** The same as an event. */
export function exampleEvent(topic: Parameters<typeof example>[0], name: string): GatewayEvent {
  return { name: topic, data: example(topic, name) } as GatewayEvent;
}
