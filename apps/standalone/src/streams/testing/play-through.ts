import { createHash } from 'node:crypto';
import type { Slice, StreamScript } from '../stream-script.ts';

/** All slices of a stream as a loop would get them that promotes a version after slice `promotedAfter`. */
export function playThrough(script: StreamScript, promotedAfter: number): Slice[] {
  const played: Slice[] = [];
  const slices = script.slices();
  for (let step = slices.next(); step.done !== true;) {
    played.push(step.value);
    step = slices.next({ version: step.value.index >= promotedAfter ? 2 : 1 });
  }
  return played;
}

/** sha256 over everything a stream sends. */
export function playDigest(script: StreamScript, promotedAfter = 9): string {
  const hash = createHash('sha256').update(JSON.stringify(script.trainingSet));
  for (const slice of playThrough(script, promotedAfter)) hash.update(JSON.stringify(slice));
  return hash.digest('hex');
}
