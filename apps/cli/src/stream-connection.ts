import type { Stream } from '#libs/stream';
import { CliError } from './cli-error.ts';
import { runningGateway } from './gateway-client.ts';
import { type CommonOptions, configuration } from './options.ts';

export interface StreamOptions extends CommonOptions {
  brokers?: string;
  registry?: string;
}

/** Kafka of --brokers and --registry, of the configuration, or of the product that runs. */
export async function connectToStream(options: StreamOptions): Promise<Stream> {
  const [{ connectStream, streamSettings }, platform, { config }] = await Promise.all([
    import('#libs/stream'),
    import('#libs/platform'),
    configuration(options),
  ]);
  const running = await runningGateway(config.dataDirectory);
  const settings = streamSettings(config, {
    brokers: running.brokers?.split(',') ?? [],
    registryUrl: running.registryUrl ?? '',
  });
  const brokers = options.brokers?.split(',').map((broker) => broker.trim()) ?? settings.brokers;
  const registryUrl = options.registry ?? settings.registryUrl;
  if (brokers.length === 0 || registryUrl === '')
    throw new CliError(
      'which Kafka? name it with --brokers HOST:PORT --registry URL, in the configuration, or start one with `npm start`',
      { exitCode: 2 },
    );
  const services = { logger: platform.silentLogger, metrics: platform.createMetrics(), clock: platform.systemClock };
  return await connectStream({ ...settings, brokers, registryUrl, ...services });
}
