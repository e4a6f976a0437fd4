import { type Bundle, hostModel, HostPool, ModelHost, type StartHost } from '#libs/model';
import { type Configuration, type Logger, type Metrics, milliseconds } from '#libs/platform';

export interface OpenHostsOptions {
  config: Configuration['inference'];
  /** Host processes to keep. */
  hosts: number;
  start: StartHost;
  metrics: Metrics;
  logger: Logger;
  onChange: () => void;
  /** A host has been opened. */
  onOpen?: (host: ModelHost) => void;
  signal: AbortSignal;
}

/** The host processes of a bundle, as configured. @throws TidemillError as ModelHost.open */
export function openHosts(bundle: Bundle, options: OpenHostsOptions): Promise<HostPool> {
  const { config, hosts, start, metrics, logger, onChange, onOpen, signal } = options;
  const { model } = bundle.manifest;
  const { executionProviders, threads } = config;
  const timeout = 6 * milliseconds(config.requestTimeout);
  return HostPool.open(
    {
      hosts,
      open: async (signal) => {
        const host = await ModelHost.open(hostModel(bundle), { executionProviders, threads, timeout, signal, start });
        onOpen?.(host);
        return host;
      },
      onEnded: () => metrics.increment('tidemill_model_host_restarts_total', { model }),
      onChange,
      logger,
    },
    signal,
  );
}
