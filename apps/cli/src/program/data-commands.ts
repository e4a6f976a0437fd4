import type { Command } from 'commander';
import type { PredictOptions } from '../commands/predict.ts';
import type { SendOptions } from '../commands/send-records.ts';
import type { UpOptions } from '../commands/up.ts';
import { speaksToGateway } from './common.ts';

/** up, produce, label, predict */
export function addDataCommands(program: Command): void {
  program
    .command('up')
    .description('start everything on this machine: what `npm start` runs')
    .option('--stream <name>', 'stream to play: somali, mail or none', 'somali')
    .option('--data-dir <dir>', 'data directory; default .tidemill')
    .option('--port <port>', 'port of the gateway')
    .option('--speed <factor>', 'how many times as fast as it happened')
    .option('--exit-after-stream', 'end when the stream has been played')
    .option('--config <file>', 'configuration file')
    .option('--fresh', 'empty the data directory first')
    .option('--yes', 'do not ask')
    .option('--verbose', 'print the stack of a failure')
    .addHelpText(
      'after',
      '\nExamples:\n  $ tidemill up\n  $ tidemill up --stream none --port 9000\n  $ tidemill up --fresh --yes',
    )
    .action(async (options: UpOptions) => (await import('../commands/up.ts')).up(options));

  const toTopic = (command: Command, examples: string[]) =>
    speaksToGateway(
      command
        .argument('<file>', 'JSONL or CSV file, or - for stdin')
        .option('--model <model>', 'the classifier, where a line names none')
        .option('--format <format>', 'jsonl or csv; default: by the name of the file')
        .option('--brokers <brokers>', 'write to Kafka directly, HOST:PORT,…')
        .option('--registry <url>', 'schema registry, with --brokers'),
      examples,
    );
  toTopic(program.command('produce').description('send texts to topic texts'), [
    'tidemill produce texts.jsonl --model news',
    'cat texts.jsonl | tidemill produce - --model news --rate 100',
    'tidemill produce texts.csv --model news --speed 60',
  ])
    .option('--rate <number>', 'texts a second')
    .option('--speed <factor>', 'replay by occurredAt, this many times as fast')
    .action(async (file: string, options: SendOptions) =>
      (await import('../commands/send-records.ts')).sendRecords('texts', file, options),
    );
  toTopic(program.command('label').description('send labels to topic labels'), [
    'tidemill label labels.jsonl --model news',
  ]).action(async (file: string, options: SendOptions) =>
    (await import('../commands/send-records.ts')).sendRecords('labels', file, options),
  );

  speaksToGateway(
    program
      .command('predict')
      .description('classify texts while you wait')
      .argument('[text...]', 'texts')
      .requiredOption('--model <model>', 'the classifier, or model@version')
      .option('--version <version>', 'answer with this version')
      .option('--file <file>', 'JSONL or CSV file with "text", or - for stdin')
      .option('--format <format>', 'jsonl or csv; default: by the name of the file'),
    [
      'tidemill predict --model news "Parliament votes tonight"',
      'tidemill predict --model news@3 "Parliament votes tonight" --json',
      'tidemill predict --model news --file texts.csv > answers.csv',
    ],
  ).action(async (texts: string[], options: PredictOptions) =>
    (await import('../commands/predict.ts')).predict(texts, options),
  );
}
