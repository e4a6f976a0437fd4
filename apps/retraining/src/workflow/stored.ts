import { setTimeout as delay } from 'node:timers/promises';
import type { StreamAdmin } from '#libs/stream';

/** Longest wait for labels that are on their way into the tables, milliseconds. */
export const storedPatience = 60_000;
const askEvery = 100;

/**
 * Waits until monitoring has stored every text and label that had been produced at the call, so that a label given
 * just before a request counts.
 * @returns false when that takes longer than `patience` (milliseconds).
 * @throws the signal's reason
 */
export async function untilStored(
  admin: Pick<StreamAdmin, 'endOffsets' | 'groupLag'>,
  { patience, signal }: { patience: number; signal: AbortSignal },
): Promise<boolean> {
  let left = patience;
  for (const topic of ['texts', 'labels'] as const) {
    const ends = new Map((await admin.endOffsets(topic)).map(({ partition, high }) => [partition, high]));
    for (;;) {
      const { partitions } = await admin.groupLag('monitoring', topic);
      if (partitions.every(({ partition, end, lag }) => end - BigInt(lag) >= (ends.get(partition) ?? 0n))) break;
      if (left <= 0) return false;
      await delay(askEvery, undefined, { signal });
      left -= askEvery;
    }
  }
  return true;
}
