import type { Command } from 'commander';

/** Options of every command that talks to the gateway, and its examples. */
export function speaksToGateway(command: Command, examples: readonly string[]): Command {
  return common(
    command
      .option('--url <url>', 'the gateway; default: the one of the data directory, else http://127.0.0.1:8080')
      .option('--token <token>', 'bearer token; default: http.token, else the one of the data directory'),
    examples,
  );
}

/** Options of every command, and its examples. */
export function common(command: Command, examples: readonly string[]): Command {
  return command
    .option('--json', 'print facts as JSON')
    .option('--config <file>', 'configuration file')
    .option('--data-dir <dir>', 'data directory; default .tidemill')
    .option('--verbose', 'print the stack of a failure')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`);
}
