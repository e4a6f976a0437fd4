import { fork } from 'node:child_process';
import { join } from 'node:path';

export interface ForkedStack {
  /** How the services and the tests find it. */
  env: Record<string, string>;
  close(): Promise<void>;
}

/** Kafka and the registry of stack.ts in a process of its own; it ends with this one, however this one ends. */
export async function forkStack(): Promise<ForkedStack> {
  const stack = fork(join(import.meta.dirname, 'stack.ts'), { execArgv: ['--conditions=tidemill-source'] });
  const exited = new Promise<void>((resolve) => void stack.once('exit', () => resolve()));
  const env = await new Promise<Record<string, string>>((resolve, reject) => {
    stack.once('message', (message: Record<string, string>) => resolve(message));
    stack.once('exit', () => reject(new Error('the test stack did not start; its reason is above')));
  });
  return {
    env,
    async close() {
      if (stack.connected) stack.disconnect();
      await exited;
    },
  };
}
