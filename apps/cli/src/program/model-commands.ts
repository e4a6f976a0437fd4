import type { Command } from 'commander';
import type { ChallengeOptions, TrainOptions, TransitionOptions } from '../commands/models.ts';
import type { ListOptions } from '../commands/reports.ts';
import type { CommonOptions } from '../options.ts';
import { speaksToGateway } from './common.ts';

/** models, train, runs, drift, performance, decisions, swaps */
export function addModelCommands(program: Command): void {
  const models = program.command('models').description('models and their versions');
  speaksToGateway(models.command('list', { isDefault: true }).description('every model'), ['tidemill models']).action(
    async (options: CommonOptions) => (await import('../commands/models.ts')).listModels(options),
  );
  speaksToGateway(
    models
      .command('show')
      .description('one model, or one version with card, metrics and lineage')
      .argument('<name>', 'model or model@version'),
    ['tidemill models show news', 'tidemill models show news@3'],
  ).action(async (name: string, options: CommonOptions) =>
    (await import('../commands/models.ts')).showModel(name, options),
  );
  speaksToGateway(
    models
      .command('create')
      .description('train version 1 from labelled texts, gate it, promote it')
      .argument('<model>', 'name of the new model')
      .requiredOption('--train <file>', 'JSONL or CSV with "text" and "label"')
      .option('--encoder <name>', 'train a head on a frozen encoder (minilm: English) instead of character n-grams')
      .option('--reason <reason>', 'why, for the audit'),
    [
      'tidemill models create news --train labelled.jsonl',
      'tidemill models create tickets --train labelled.jsonl --encoder minilm',
    ],
  ).action(async (model: string, options: CommonOptions & { train: string; encoder?: string; reason?: string }) =>
    (await import('../commands/create-model.ts')).createModel(model, options),
  );
  const transition = (verb: 'promote' | 'archive', description: string) =>
    speaksToGateway(
      models
        .command(verb)
        .description(description)
        .argument('<version>', 'model@version')
        .option('--reason <reason>', 'why, for the audit'),
      [`tidemill models ${verb} news@3 --reason "looked at by hand"`],
    ).action(async (name: string, options: TransitionOptions) =>
      (await import('../commands/models.ts'))[verb](name, options),
    );
  transition('promote', 'let a version serve');
  transition('archive', 'put a version away');
  speaksToGateway(
    models
      .command('shadow')
      .description('let a version answer every text beside the serving one, for comparison only')
      .argument('<version>', 'model@version')
      .option('--stop', 'try it no longer')
      .option('--reason <reason>', 'why, for the audit'),
    ['tidemill models shadow news@3', 'tidemill models shadow news@3 --stop'],
  ).action(async (name: string, options: ChallengeOptions) =>
    (await import('../commands/models.ts')).shadow(name, options),
  );
  speaksToGateway(
    models
      .command('canary')
      .description('let a version answer a share of the texts, until later labels decide')
      .argument('<version>', 'model@version')
      .option('--share <share>', 'share of the texts, above 0 and up to 0.5', '0.1')
      .option('--stop', 'try it no longer')
      .option('--reason <reason>', 'why, for the audit'),
    ['tidemill models canary news@3 --share 0.1', 'tidemill models canary news@3 --stop --reason "complaints"'],
  ).action(async (name: string, options: ChallengeOptions & { share: string }) =>
    (await import('../commands/models.ts')).canary(name, options),
  );
  speaksToGateway(
    models
      .command('rollback')
      .description('let an earlier version serve again')
      .argument('<model>', 'the model')
      .option('--to <version>', 'version to go back to; default: the one before')
      .option('--reason <reason>', 'why, for the audit'),
    ['tidemill models rollback news', 'tidemill models rollback news --to 2 --reason "complaints"'],
  ).action(async (name: string, options: TransitionOptions) =>
    (await import('../commands/models.ts')).rollback(name, options),
  );
  speaksToGateway(
    models
      .command('import')
      .description('register a bundle made elsewhere, or a transformer as Optimum exports it')
      .argument('<dir>', 'folder with an ONNX model and its manifest, or with config.json and tokenizer.json')
      .requiredOption('--model <model>', 'the model it becomes a version of')
      .option('--reason <reason>', 'why, for the audit'),
    ['tidemill models import ./bundle --model news', 'tidemill models import ./xlm-r-news-onnx --model news'],
  ).action(async (directory: string, options: CommonOptions & { model: string }) =>
    (await import('../commands/bundles.ts')).importBundle(directory, options),
  );
  speaksToGateway(
    models
      .command('export')
      .description('write a version as a folder')
      .argument('<version>', 'model@version')
      .argument('<dir>', 'new or empty folder'),
    ['tidemill models export news@3 ./news-3'],
  ).action(async (name: string, directory: string, options: CommonOptions) =>
    (await import('../commands/bundles.ts')).exportBundle(name, directory, options),
  );
  speaksToGateway(
    models
      .command('diff')
      .description('metrics of two versions side by side, and what they answered to the same labelled texts')
      .argument('<a>', 'model@version')
      .argument('<b>', 'model@version'),
    ['tidemill models diff news@2 news@3'],
  ).action(async (a: string, b: string, options: CommonOptions) =>
    (await import('../commands/models.ts')).diff(a, b, options),
  );
  addTraining(program);
  addReports(program);
}

function addTraining(program: Command): void {
  speaksToGateway(
    program
      .command('train')
      .description('ask for a new version from the labels there are')
      .argument('<model>', 'the model')
      .option('--encoder <name>', 'train a head on this encoder (minilm: English); default: as the version that serves')
      .option('--wait', 'stay until it is promoted or refused; refused is exit 1')
      .option('--reason <reason>', 'why, for the audit'),
    [
      'tidemill train news --wait',
      'tidemill train tickets --encoder minilm',
      'tidemill train news --reason "new labels from the desk"',
    ],
  ).action(async (model: string, options: TrainOptions) =>
    (await import('../commands/models.ts')).train(model, options),
  );
  const runs = program.command('runs').description('training runs');
  speaksToGateway(
    runs
      .command('list', { isDefault: true })
      .description('every run, newest first')
      .option('--model <model>', 'of this model only'),
    ['tidemill runs', 'tidemill runs list --model news'],
  ).action(async (options: CommonOptions) => (await import('../commands/runs.ts')).listRuns(options));
  speaksToGateway(
    runs.command('compare').description('what differs between two runs').argument('<a>', 'run').argument('<b>', 'run'),
    ['tidemill runs compare news-3f2a news-91bc'],
  ).action(async (a: string, b: string, options: CommonOptions) =>
    (await import('../commands/runs.ts')).compareRuns(a, b, options),
  );
}

function addReports(program: Command): void {
  const list = (name: string, description: string) =>
    speaksToGateway(
      program
        .command(name)
        .description(description)
        .argument('<model>', 'the model')
        .option('--from <time>', 'not before this time (RFC 3339)')
        .option('--to <time>', 'before this time (RFC 3339)')
        .option('--limit <number>', 'most lines', '20'),
      [`tidemill ${name} news`, `tidemill ${name} news --from 2026-01-01T00:00:00Z --json`],
    );
  list('drift', 'windows compared with the reference, newest first, and what moved').action(
    async (model: string, options: ListOptions) => (await import('../commands/reports.ts')).drift(model, options),
  );
  list('performance', 'predictions compared with labels, newest first').action(
    async (model: string, options: ListOptions) =>
      (await import('../commands/reports.ts')).performanceReports(model, options),
  );
  list('decisions', 'what the trigger policies decided and why, newest first').action(
    async (model: string, options: ListOptions) => (await import('../commands/reports.ts')).decisions(model, options),
  );
  list('swaps', 'which instance took over which version, newest first').action(
    async (model: string, options: ListOptions) => (await import('../commands/reports.ts')).swaps(model, options),
  );
}
