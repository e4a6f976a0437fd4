import { availableParallelism } from 'node:os';
import type { Configuration } from './schema.ts';

/** What is wrong with so many hosts and threads on this machine; undefined: nothing. */
export function tooManyThreads({ hosts, threads }: Pick<Configuration['inference'], 'hosts' | 'threads'>) {
  const cores = availableParallelism();
  if (hosts * threads <= cores) return undefined;
  return `inference.hosts × inference.threads is ${hosts * threads}, this machine has ${cores} cores: set one of them lower`;
}
