import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { addDataCommands } from './program/data-commands.ts';
import { addModelCommands } from './program/model-commands.ts';
import { addOperationCommands } from './program/operation-commands.ts';

/** The whole command line. Nothing but commander is loaded before a command runs, so that help comes at once. */
export function buildProgram(): Command {
  const program = new Command('tidemill')
    .description('Keeps text classifiers true while language drifts.')
    .version(packageVersion(), '-V, --version', 'print the version')
    // `predict --version 2` is the option of predict.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .configureOutput({ outputError: (message, write) => write(plainly(message)) })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      `
Examples:
  $ tidemill up --stream somali
  $ tidemill models create news --train labelled.jsonl
  $ tidemill produce texts.jsonl --model news
  $ tidemill status

Exit codes: 0 done, 1 failed, 2 used wrongly.`,
    );
  addDataCommands(program);
  addModelCommands(program);
  addOperationCommands(program);
  return program;
}

/** As every other failure; a wrong word after a group of commands is not an argument of the group's default. */
function plainly(message: string): string {
  return message
    .replace(/too many arguments for 'list'\. .*: ([^,\s]+?)[,.].*/, "unknown command '$1'")
    .replace(/^error: /, 'tidemill: ');
}

/** From the nearest package.json: the same whether the source or the build runs. */
function packageVersion(folder = import.meta.dirname): string {
  try {
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return version;
  } catch (error) {
    const above = join(folder, '..');
    if (above === folder) throw error;
    return packageVersion(above);
  }
}
