import type { BatchControl } from '../backend/backend.ts';
import { streamError } from '../errors.ts';

const shortest = 200;
const longest = 15_000;

/** Milliseconds before attempt number `attempt` + 1. */
export function backOff(attempt: number): number {
  return Math.min(longest, shortest * 2 ** (attempt - 1));
}

/** Waits, unless the partition is asked back. @throws TidemillError CONSUMER_DRAINING */
export function waitWhileOwned({ draining }: BatchControl, milliseconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = () => {
      clearTimeout(timer);
      reject(streamError('CONSUMER_DRAINING'));
    };
    const timer = setTimeout(() => {
      draining.removeEventListener('abort', give);
      resolve();
    }, milliseconds);
    if (draining.aborted) give();
    else draining.addEventListener('abort', give, { once: true });
  });
}
