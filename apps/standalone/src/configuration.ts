import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Configuration, loadConfig, type Origin } from '#libs/platform';

export interface StandaloneOptions {
  /** What is played. Default somali. */
  stream?: string | undefined;
  /** Default .tidemill in the working directory. */
  dataDir?: string | undefined;
  port?: number | undefined;
  /** Event time passes at most this many times as fast as real time; unset: as fast as the loop takes it. */
  speed?: number | undefined;
  /** Stop when the stream has been played. */
  exitAfterStream?: boolean | undefined;
  /** YAML file. */
  config?: string | undefined;
  /** Empty the data directory first. */
  fresh?: boolean | undefined;
  /** Do not ask before emptying. */
  yes?: boolean | undefined;
}

/**
 * The configuration of everything in one process: what the stream recommends, under the user's file, environment and
 * options; services that nobody gave a port take any free one, because only the gateway is meant to be found.
 */
export function standaloneConfiguration(options: StandaloneOptions, env: NodeJS.ProcessEnv): Configuration {
  const { config, origins } = loadConfig({
    under: recommended(options.stream ?? 'somali'),
    file: options.config,
    env,
    overrides: { dataDirectory: options.dataDir, 'http.port': options.port },
  });
  const port = (service: 'inference' | 'monitoring' | 'retraining') => servicePort(config, origins, service);
  return {
    ...config,
    dataDirectory: resolve(config.dataDirectory),
    kafka: {
      ...config.kafka,
      // After a kill -9 of everything Kafka waits this long for the members that are gone before it lets new ones read.
      sessionTimeout:
        config.kafka.brokers === '' && !origins.has('kafka.sessionTimeout') ? '15s' : config.kafka.sessionTimeout,
    },
    inference: {
      ...config.inference,
      port: port('inference'),
      // The same name at every start: its serving status replaces the one before.
      instance: config.inference.instance === '' ? 'standalone' : config.inference.instance,
    },
    monitoring: { ...config.monitoring, port: port('monitoring') },
    retraining: { ...config.retraining, port: port('retraining') },
  };
}

function servicePort(
  config: Configuration,
  origins: ReadonlyMap<string, Origin>,
  service: 'inference' | 'monitoring' | 'retraining',
): number {
  return origins.has(`${service}.port`) ? config[service].port : 0;
}

/** The settings file of a stream, infra/config/streams/<name>.yaml. */
function recommended(stream: string): string[] {
  return stream === 'none'
    ? []
    : [join(projectRoot(import.meta.dirname), 'infra', 'config', 'streams', `${stream}.yaml`)];
}

/** The folder of package.json above `from`: the same whether the source or the build runs. */
function projectRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json')) || dirname(folder) === folder) return folder;
  }
}
