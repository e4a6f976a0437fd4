import type { Command } from 'commander';

/** The words of a command line: what is quoted stays together. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/"[^"]*"|'[^']*'|\S+/g)].map(([word]) => word);
}

/** The command that words name, with groups standing for their default, and the words after its name. */
export function commandOf(command: Command, words: readonly string[]): { command: Command; rest: readonly string[] } {
  const [first = '', ...rest] = words;
  const next = command.commands.find((one) => one.name() === first);
  if (next !== undefined) return commandOf(next, rest);
  const usual = command.commands.find((one) => one.name() === 'list');
  return { command: usual ?? command, rest: words };
}

/** Why a line would not be understood: unknown command or flags. Empty: it would be. */
export function misunderstood(program: Command, line: string): string[] {
  const { command, rest } = commandOf(program, wordsOf(line));
  if (command === program) return [`no command ${rest[0] ?? ''}`];
  return rest.filter((word) => word.startsWith('--') && !command.options.some(({ long }) => long === word));
}
