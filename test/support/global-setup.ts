import { fork } from 'node:child_process';
import { join, relative } from 'node:path';
import type { TestProject } from 'vitest/node';

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
  const stack = fork(join(import.meta.dirname, 'stack.ts'), { execArgv: ['--conditions=tidemill-source'] });
  const exited = new Promise<void>((resolve) => void stack.once('exit', () => resolve()));
  const env = await new Promise<Record<string, string>>((resolve, reject) => {
    stack.once('message', (message: Record<string, string>) => resolve(message));
    stack.once('exit', () => reject(new Error('the test stack did not start; its reason is above')));
  });
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  return async () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    if (stack.connected) stack.disconnect();
    await exited;
  };
}
