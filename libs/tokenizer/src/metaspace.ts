import { z } from 'zod';
import type { IdBuffer } from './id-buffer.ts';
import type { Step } from './tokenizer-file.ts';
import type { Unigram } from './unigram.ts';
import { isWhiteSpace } from './white-space.ts';

const optionsSchema = z.looseObject({
  replacement: z.string().length(1).default('\u2581'),
  str_rep: z.string().optional(),
  prepend_scheme: z.enum(['always', 'first', 'never']).default('always'),
});

/** What marks the beginning of a word, and whether a text that does not begin with it gets one in front. */
export interface Metaspace {
  mark: number;
  prepend: 'always' | 'first' | 'never';
  /** Cut at white space first, so that no piece reaches over a space. */
  split: boolean;
}

/** Reads Metaspace, alone or after WhitespaceSplit; undefined when the steps are others. */
export function metaspaceOf(steps: readonly Step[]): Metaspace | undefined {
  const [first, second, third] = steps;
  const split = first?.type === 'WhitespaceSplit';
  const step = split ? second : first;
  if (step?.type !== 'Metaspace' || (split ? third : second) !== undefined) return undefined;
  const parsed = optionsSchema.safeParse(step);
  if (!parsed.success) return undefined;
  const { replacement, str_rep: written, prepend_scheme: prepend } = parsed.data;
  if (written !== undefined && written !== replacement) return undefined;
  return { mark: replacement.charCodeAt(0), prepend, split };
}

/** Cuts a text into words as Metaspace says and appends the ids of each, until it ends or there are more than `limit`. */
export function encodeMetaspace(
  text: string,
  { mark, prepend, split, section, limit }: Metaspace & { section: number; limit: number },
  { unigram, out }: { unigram: Unigram; out: IdBuffer },
): void {
  const marked = prepend === 'always' || (prepend === 'first' && section === 0);
  for (let at = 0; at < text.length && out.length <= limit; at++) {
    let unit = text.charCodeAt(at);
    if (split && isWhiteSpace(unit)) {
      if (!unigram.empty) unigram.flush(out);
      continue;
    }
    if (unit === 0x20) unit = mark;
    if (unigram.empty && marked && unit !== mark) unigram.add(mark);
    unigram.add(unit);
  }
  unigram.flush(out);
  unigram.endRun(out);
}
