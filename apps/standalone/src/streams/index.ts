import { streamError } from './errors.ts';
import { mailScript } from './mail.ts';
import { somaliScript } from './somali.ts';
import type { StreamScript } from './stream-script.ts';

/** What --stream takes. */
export const streamNames = ['somali', 'mail', 'none'] as const;
export type StreamName = (typeof streamNames)[number];

export function isStreamName(name: string): name is StreamName {
  return streamNames.some((known) => known === name);
}

/**
 * The script of a stream; undefined for `none`.
 * @throws TidemillError STREAM_UNKNOWN, STREAM_DATA_MISSING
 */
export async function streamScript(name: string): Promise<StreamScript | undefined> {
  if (!isStreamName(name)) throw streamError('STREAM_UNKNOWN', { detail: name });
  if (name === 'none') return undefined;
  return name === 'somali' ? somaliScript() : await mailScript();
}
