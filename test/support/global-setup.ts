import { relative } from 'node:path';
import type { TestProject } from 'vitest/node';
import { forkStack } from './fork-stack.ts';

/** Breadths of test that speak to Kafka and the registry; all others run without them. */
const onStack = /^test\/(contract\/(cli|kafka-|registry-|rest-(?!docs))|faults|integration)/;

/**
 * One Kafka and one schema registry for the whole run, told to the tests by the environment, as to the services; nothing
 * is started when no selected file needs it, or for what the environment names already.
 */
export default async function setup({ vitest, config }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const files = vitest.state.getPaths().map((path) => relative(config.root, path).replaceAll('\\', '/'));
  if (!files.some((file) => onStack.test(file))) return undefined;
  // In a process of its own: Vitest's own is not started with the condition under which the sources find each other.
  const stack = await forkStack();
  const before = Object.keys(stack.env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, stack.env);
  return async () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await stack.close();
  };
}
