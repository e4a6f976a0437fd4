import 'reflect-metadata';
import { join } from 'node:path';
import { createLogger, type Configuration, type Logger, reasonOf, Shutdown, systemClock } from '#libs/platform';
import { type StandaloneOptions, standaloneConfiguration } from './configuration.ts';
import { emptyDataDirectory, prepareDataDirectory, removeGatewayRecord, writeGatewayRecord } from './data-directory.ts';
import { startEngines } from './engines.ts';
import { GatewayClient } from './gateway-client.ts';
import { play } from './player/player.ts';
import { startGateway, startServices } from './services.ts';
import { followEvents } from './story/follow-events.ts';
import { narratedEvents, narrator } from './story/narrate.ts';
import { Story } from './story/story.ts';
import { streamScript } from './streams/index.ts';
import type { StreamScript } from './streams/stream-script.ts';

interface Run {
  config: Configuration;
  options: StandaloneOptions;
  script: StreamScript | undefined;
  story: Story;
  logger: Logger;
  shutdown: Shutdown;
}

/**
 * Everything in this process: embedded Kafka, schema registry and ClickHouse (each unless configured elsewhere), the
 * four services, and a stream played through them.
 *
 *   data directory → Kafka, registry → ClickHouse → topics, schemas → services → gateway → story, player
 *
 * Ctrl-C and SIGTERM undo it from right to left and end the process; a second one ends it at once. With
 * `exitAfterStream` the promise resolves when everything has stopped; the exit code says whether the stream was played.
 * @throws TidemillError when something cannot be started; what had been started is stopped first.
 */
export async function runStandalone(options: StandaloneOptions = {}): Promise<void> {
  const story = new Story(process.stderr, systemClock);
  const script = await streamScript(options.stream ?? 'somali');
  const config = standaloneConfiguration(options, process.env);
  const { dataDirectory } = config;
  if (options.fresh === true) await emptyDataDirectory(dataDirectory, { yes: options.yes ?? false });
  prepareDataDirectory(dataDirectory, config.http.token);
  const logFile = join(dataDirectory, 'logs', 'tidemill.log');
  const logger = createLogger('tidemill', config.log.level, logFile);
  const shutdown = new Shutdown(logger);
  const run: Run = { config, options, script, story, logger, shutdown };
  shutdown.add('farewell', () => story.line('stopped'));
  shutdown.onSignals((code) => process.exit(code));
  story.line(`Tidemill: data in ${dataDirectory}, log in ${logFile}`);
  try {
    const client = await startEverything(run);
    await playStream(run, client);
  } catch (error) {
    logger.fatal({ reason: reasonOf(error) }, 'tidemill stops');
    await shutdown.run();
    throw error;
  }
}

/** Resolves when the gateway answers. */
async function startEverything({ config, story, logger, shutdown }: Run): Promise<GatewayClient> {
  const clock = systemClock;
  const started = clock.now();
  const onFatal = (service: string, error: Error) => {
    logger.fatal({ service, reason: reasonOf(error) }, 'a service cannot go on');
    story.line(`${service} cannot go on: ${reasonOf(error)}`);
    void shutdown.run().then(() => process.exit(1));
  };
  const { clickhouse, streams } = await startEngines({ config, story, logger, clock, shutdown, onFatal });
  const services = { config, streams, clickhouse, logger, clock, shutdown, onFatal };
  const { gateway } = await story.stage('inference, monitoring, retraining, gateway', async () => {
    const known = await startServices(services);
    return {
      gateway: await startGateway({ ...services, config: known }),
      said: 'inference, monitoring, retraining, gateway',
    };
  });
  const { dataDirectory } = config;
  const { brokers, registryUrl } = streams;
  writeGatewayRecord(dataDirectory, { url: gateway.url, pid: process.pid, brokers: brokers.join(','), registryUrl });
  shutdown.add('gateway record', () => removeGatewayRecord(dataDirectory));
  const stop = new AbortController();
  shutdown.add('player', () => stop.abort());
  shutdown.add('announcement', () => {
    story.progress('');
    story.line('stopping; Ctrl-C again ends at once …');
  });
  const seconds = ((clock.now() - started) / 1000).toFixed(1);
  story.line(`Ready in ${seconds} s. Dashboard: ${gateway.url}/ (Ctrl-C stops everything)`);
  return new GatewayClient(gateway.url, { token: config.http.token, signal: stop.signal });
}

/** Tells what happens and plays the stream; goes on serving until a signal unless it was to exit after the stream. */
async function playStream(
  { config, options, script, story, logger, shutdown }: Run,
  gateway: GatewayClient,
): Promise<void> {
  const { signal } = gateway;
  const tell = narrator((text) => script?.mask(text) ?? text);
  void followEvents({
    gateway,
    logger,
    types: narratedEvents(),
    onEvent: (event, data) => {
      const line = tell(event, data);
      if (line !== undefined) story.line(line);
    },
  });
  try {
    if (script !== undefined) await play({ script, gateway, story, clock: systemClock, speed: options.speed });
  } catch (error) {
    if (signal.aborted) return await shutdown.run();
    logger.error({ reason: reasonOf(error) }, 'the stream stopped');
    story.progress('');
    story.line(`the stream stopped: ${reasonOf(error)}`);
    process.exitCode = 1;
  }
  if (options.exitAfterStream === true) return await shutdown.run();
  const where = options.dataDir === undefined ? '' : ` --data-dir ${config.dataDirectory}`;
  story.line(`serving on; ask it from another terminal: npx tidemill status${where} (Ctrl-C stops everything)`);
}
