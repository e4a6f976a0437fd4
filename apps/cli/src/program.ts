import { Command } from 'commander';
import { addDataCommands } from './program/data-commands.ts';
import { addModelCommands } from './program/model-commands.ts';
import { addOperationCommands } from './program/operation-commands.ts';

/** The whole command line. Nothing but commander is loaded before a command runs, so that help comes at once. */
export function buildProgram(): Command {
  const program = new Command('tidemill')
    .description('Keeps text classifiers true while language drifts.')
    .exitOverride()
    .showHelpAfterError('(see --help)')
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
