import { topics } from '#libs/events';
import { createMetrics, Readiness, silentLogger } from '#libs/platform';
import { defaultStreamSettings } from '../connect.ts';
import { createStream, type Stream, type StreamServices, type StreamSettings } from '../stream.ts';
import { MemoryBackend } from './memory-backend.ts';
import { MemoryBroker } from './memory-broker.ts';
import { MemorySchemas } from './memory-schemas.ts';

export interface MemoryStream extends StreamServices {
  stream: Stream;
  broker: MemoryBroker;
  schemas: MemorySchemas;
  backend: MemoryBackend;
  /** What `onFatal` was called with. */
  fatal: Error[];
}

/** A stream over memory with all topics and schemas, for tests that need no Kafka. */
export async function openMemoryStream(
  settings: Partial<StreamSettings> = {},
  shared: Partial<Pick<MemoryStream, 'broker' | 'schemas' | 'clock'>> = {},
): Promise<MemoryStream> {
  const broker = shared.broker ?? new MemoryBroker();
  const schemas = shared.schemas ?? new MemorySchemas();
  const backend = new MemoryBackend(broker);
  const fatal: Error[] = [];
  const services: StreamServices = {
    logger: silentLogger,
    metrics: createMetrics(),
    clock: shared.clock ?? { now: () => Math.floor(performance.timeOrigin + performance.now()) },
    readiness: new Readiness(),
    onFatal: (error) => fatal.push(error),
  };
  const stream = createStream({ backend, schemas }, { ...defaultStreamSettings, ...settings }, services);
  await stream.admin.applyTopics(Object.values(topics));
  await stream.admin.registerSchemas(Object.values(topics));
  return { ...services, stream, broker, schemas, backend, fatal };
}
