import type { StreamAdmin, TopicReport } from '#libs/stream';
import type { CommonOptions } from '../options.ts';
import { printJson, printTable } from '../output.ts';
import { connectToStream, type StreamOptions } from '../stream-connection.ts';

/** Topics and schemas against what is declared; `apply` creates and registers. Exit 1 while something differs. */
export async function topics(verb: 'check' | 'apply', options: StreamOptions): Promise<void> {
  const { topics: declared } = await import('#libs/events');
  const stream = await connectToStream(options);
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
