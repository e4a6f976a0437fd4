import type { ClickHouse } from '#libs/clickhouse';
import type { RunningApp } from '#libs/http';
import { type Clock, type Configuration, createMetrics, type Logger, Readiness, type Shutdown } from '#libs/platform';
import { type ConnectStreamOptions, connectStream } from '#libs/stream';
import { createGateway } from '../../gateway/src/gateway.app.ts';
import { createInference } from '../../inference/src/inference.app.ts';
import { createMonitoring } from '../../monitoring/src/monitoring.app.ts';
import { createRetraining } from '../../retraining/src/retraining.app.ts';

export interface ServiceOptions {
  config: Configuration;
  /** Where Kafka and the registry are. */
  streams: Omit<ConnectStreamOptions, 'logger' | 'metrics' | 'clock' | 'readiness' | 'onFatal'>;
  clickhouse: ClickHouse;
  logger: Logger;
  clock: Clock;
  shutdown: Shutdown;
  /** A service cannot go on. */
  onFatal: (service: string, error: Error) => void;
}

/**
 * Starts retraining, inference and monitoring, each with a port, a stream, metrics and readiness of its own, as if they
 * were processes apart. They are registered for shutdown in this order, so the one that others ask ends last.
 * @returns the configuration with their addresses.
 */
export async function startServices(options: ServiceOptions): Promise<Configuration> {
  let { config } = options;
  const retraining = await start('retraining', { ...options, config }, createRetraining);
  config = { ...config, retraining: { ...config.retraining, url: retraining.url } };
  const inference = await start('inference', { ...options, config }, createInference);
  config = { ...config, inference: { ...config.inference, url: inference.url } };
  const monitoring = await start('monitoring', { ...options, config }, createMonitoring);
  return { ...config, monitoring: { ...config.monitoring, url: monitoring.url } };
}

/** The gateway: started last, because it is what people find; stopped first. */
export function startGateway(options: ServiceOptions): Promise<RunningApp> {
  return start('gateway', options, createGateway);
}

type Create = (dependencies: Awaited<ReturnType<typeof dependenciesOf>>) => Promise<RunningApp>;

async function start(service: string, options: ServiceOptions, create: Create): Promise<RunningApp> {
  const dependencies = await dependenciesOf(service, options);
  options.shutdown.add(`stream of ${service}`, () => dependencies.stream.close());
  const app = await create(dependencies);
  options.shutdown.add(service, () => app.close());
  return app;
}

async function dependenciesOf(service: string, options: ServiceOptions) {
  const { config, streams, clickhouse, clock } = options;
  const logger = options.logger.child({ app: service });
  // One of them speaks for the process.
  const metrics = createMetrics({ processMetrics: service === 'gateway' });
  const readiness = new Readiness();
  const onFatal = (error: Error) => options.onFatal(service, error);
  const services = { logger, metrics, clock, readiness };
  const stream = await connectStream({
    ...streams,
    ...services,
    clientId: `${config.kafka.clientId}-${service}`,
    onFatal,
  });
  return { config, clickhouse, stream, onFatal, ...services };
}
