import type { StreamAdmin, TopicReport } from '#libs/stream';
import { CliError } from '../cli-error.ts';
import { runningGateway } from '../gateway-client.ts';
import { type CommonOptions, configuration } from '../options.ts';
import { printJson, printTable } from '../output.ts';

export interface TopicsOptions extends CommonOptions {
  brokers?: string;
  registry?: string;
}

/** Topics and schemas against what is declared; `apply` creates and registers. Exit 1 while something differs. */
export async function topics(verb: 'check' | 'apply', options: TopicsOptions): Promise<void> {
  const [{ topics: declared }, { connectStream, streamSettings }, platform, { config }] = await Promise.all([
    import('#libs/events'),
    import('#libs/stream'),
    import('#libs/platform'),
    configuration(options),
  ]);
  const running = await runningGateway(config.dataDirectory);
  const settings = streamSettings(config, {
    brokers: running.brokers?.split(',') ?? [],
    registryUrl: running.registryUrl ?? '',
  });
  const brokers = options.brokers?.split(',') ?? settings.brokers;
  const registryUrl = options.registry ?? settings.registryUrl;
  if (brokers.length === 0 || registryUrl === '')
    throw new CliError(
      'which Kafka? name it with --brokers HOST:PORT --registry URL, in the configuration, or start one with `npm start`',
      {
        exitCode: 2,
      },
    );
  const services = { logger: platform.silentLogger, metrics: platform.createMetrics(), clock: platform.systemClock };
  const stream = await connectStream({ ...settings, brokers, registryUrl, ...services });
  try {
    const definitions = Object.values(declared);
    const reports = await (verb === 'apply' ? apply(stream.admin) : stream.admin.checkTopics(definitions));
    tell(reports, options);
  } finally {
    await stream.close();
  }

  async function apply(admin: StreamAdmin): Promise<TopicReport[]> {
    const reports = await admin.applyTopics(Object.values(declared));
    await admin.registerSchemas(Object.values(declared));
    return reports;
  }
}

function tell(reports: readonly TopicReport[], options: CommonOptions): void {
  if (reports.some(({ state, problems }) => state === 'missing' || problems.length > 0)) process.exitCode = 1;
  if (options.json === true) return printJson(reports);
  printTable(
    ['topic', 'state', 'differs'],
    reports.map(({ topic, state, problems }) => [topic, state, problems.join('; ')]),
  );
}
