import { type CommonOptions, configuration } from '../options.ts';
import { printJson, printLine, printTable } from '../output.ts';

/** The effective configuration and where each value came from. */
export async function printConfig(options: CommonOptions): Promise<void> {
  const { describeConfig } = await import('#libs/platform');
  const entries = describeConfig(await configuration(options));
  if (options.json === true) return printJson(entries);
  printTable(
    ['key', 'value', 'from'],
    entries.map(({ key, value, origin }) => [key, typeof value === 'string' ? value : JSON.stringify(value), origin]),
  );
}

/** Exit 1 with the key, the reason and the nearest known key. */
export async function checkConfig(options: CommonOptions): Promise<void> {
  const { origins } = await configuration(options);
  if (options.json === true) return printJson({ valid: true, set: origins.size });
  printLine(`the configuration is valid; keys set: ${origins.size}, the others have their defaults`);
}
