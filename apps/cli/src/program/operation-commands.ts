import type { Command } from 'commander';
import type { DeadLetterOptions } from '../commands/dead-letters.ts';
import type { StreamOptions } from '../stream-connection.ts';
import type { AuditCommandOptions } from '../commands/audit.ts';
import type { CommonOptions } from '../options.ts';
import { common, speaksToGateway } from './common.ts';

/** dlq, audit, sql, status, doctor, topics, config */
export function addOperationCommands(program: Command): void {
  addDeadLetters(program);
  addAudit(program);
  speaksToGateway(
    program.command('sql').description('one SELECT on the analytics tables').argument('<statement>', 'the statement'),
    [
      'tidemill sql "SELECT label, count() FROM effective_predictions GROUP BY label"',
      'tidemill sql "SELECT * FROM swaps" --json',
    ],
  ).action(async (statement: string, options: CommonOptions) =>
    (await import('../commands/sql.ts')).sql(statement, options),
  );
  speaksToGateway(program.command('status').description('what runs, lags, and the version of each instance'), [
    'tidemill status',
    'tidemill status --json',
  ]).action(async (options: CommonOptions) => (await import('../commands/status.ts')).status(options));
  speaksToGateway(
    program.command('doctor').description('what is wrong with this machine or configuration, and how to mend it'),
    ['tidemill doctor'],
  ).action(async (options: CommonOptions) => (await import('../commands/doctor.ts')).doctor(options));

  const topics = program.command('topics').description('topics and schemas against what is declared');
  for (const verb of ['check', 'apply'] as const) {
    const description =
      verb === 'check'
        ? 'say what differs; exit 1 if something does'
        : 'create what is missing and register the schemas';
    common(
      topics
        .command(verb)
        .description(description)
        .option('--brokers <brokers>', 'Kafka, HOST:PORT,…; default: the configured or the running one')
        .option('--registry <url>', 'schema registry'),
      [`tidemill topics ${verb}`, `tidemill topics ${verb} --brokers kafka:9092 --registry http://registry:8081`],
    ).action(async (options: StreamOptions) => (await import('../commands/topics.ts')).topics(verb, options));
  }

  const config = program.command('config').description('the configuration');
  common(config.command('print').description('every key, its value and where it came from; secrets masked'), [
    'tidemill config print',
    'TIDEMILL__HTTP__PORT=9000 tidemill config print --json',
  ]).action(async (options: CommonOptions) => (await import('../commands/config.ts')).printConfig(options));
  common(config.command('check').description('whether it is valid'), [
    'tidemill config check --config tidemill.yaml',
  ]).action(async (options: CommonOptions) => (await import('../commands/config.ts')).checkConfig(options));
}

function addAudit(program: Command): void {
  speaksToGateway(
    program
      .command('audit')
      .description(
        'hold texts against their answers, dead letters and rows; exit 1 if anything is wrong, or in flight after --wait',
      )
      .argument('<topic>', 'texts')
      .option('--from <time>', 'texts written not before this time (RFC 3339, with its zone)')
      .option('--to <time>', 'texts written before this time (RFC 3339, with its zone)')
      .option('--partition <number>', 'of one partition')
      .option('--from-offset <offset>', 'of that partition from this offset on')
      .option('--to-offset <offset>', 'of that partition before this offset')
      .option('--model <model>', 'for one model')
      .option('--staleness <duration>', 'longest a version may answer after the next was promoted', '10m')
      .option('--wait <duration>', 'wait this long for what is still in flight', '0s')
      .option('--limit <number>', 'most findings of a kind that are printed', '10')
      .option('--list <file>', 'write every finding to this file, JSONL')
      .option('--no-tables', 'Kafka only')
      .option('--brokers <brokers>', 'Kafka, HOST:PORT,…; default: the configured or the running one')
      .option('--registry <url>', 'schema registry'),
    [
      'tidemill audit texts',
      'tidemill audit texts --from 2026-01-31T00:00:00Z --to 2026-02-01T00:00:00Z --wait 30s',
      'tidemill audit texts --partition 2 --from-offset 1000 --to-offset 2000 --list findings.jsonl',
    ],
  ).action(async (topic: string, options: AuditCommandOptions) =>
    (await import('../commands/audit.ts')).audit(topic, options),
  );
}

function addDeadLetters(program: Command): void {
  const letters = program.command('dlq').description('dead letters: records that could not be processed');
  speaksToGateway(
    letters
      .command('list', { isDefault: true })
      .description('how many wait in each topic, or those of one')
      .argument('[topic]', 'texts or labels')
      .option('--limit <number>', 'most lines', '50'),
    ['tidemill dlq list', 'tidemill dlq list texts'],
  ).action(async (topic: string | undefined, options: DeadLetterOptions) =>
    (await import('../commands/dead-letters.ts')).listDeadLetters(topic, options),
  );
  speaksToGateway(
    letters
      .command('show')
      .description('with reason and content')
      .argument('<topic>', 'texts or labels')
      .argument('[id...]', 'which; default: all'),
    ['tidemill dlq show texts 12'],
  ).action(async (topic: string, ids: string[], options: DeadLetterOptions) =>
    (await import('../commands/dead-letters.ts')).showDeadLetters(topic, ids, options),
  );
  for (const [verb, description] of [
    ['replay', 'send them to their topic again, bytes unchanged'],
    ['drop', 'give them up'],
  ] as const)
    speaksToGateway(
      letters
        .command(verb)
        .description(description)
        .argument('<topic>', 'texts or labels')
        .argument('[id...]', 'which')
        .option('--all', 'every one that waits'),
      [`tidemill dlq ${verb} texts 12 13`, `tidemill dlq ${verb} texts --all`],
    ).action(async (topic: string, ids: string[], options: DeadLetterOptions) =>
      (await import('../commands/dead-letters.ts')).resolveDeadLetters(verb, topic, ids, options),
    );
}
