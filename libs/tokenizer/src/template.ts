import { z } from 'zod';
import { stepsOf, type TokenizerFile } from './tokenizer-file.ts';

/** The special tokens around a text. */
export interface Template {
  before: readonly number[];
  after: readonly number[];
}

const tokenWithId = z.tuple([z.string(), z.number()]);
const pair = z.looseObject({ cls: tokenWithId, sep: tokenWithId });
const part = z.union([
  z.object({ SpecialToken: z.object({ id: z.string(), type_id: z.number() }) }),
  z.object({ Sequence: z.object({ id: z.literal('A'), type_id: z.number() }) }),
]);
const single = z.looseObject({ single: z.array(part) });

/**
 * What the post-processor puts around a single text.
 * @throws Error in one sentence when it is not one that puts tokens of type 0 before and after the text.
 */
export function templateOf(file: TokenizerFile, idOf: (token: string) => number | undefined): Template {
  const idOrRefuse = (token: string): number => {
    const id = idOf(token);
    if (id === undefined) throw new Error(`tokenizer.json: the special token ${token} is not in the vocabulary`);
    return id;
  };
  // ByteLevel only moves offsets, which nobody asks for.
  const steps = stepsOf(file.post_processor, 'processors').filter(({ type }) => type !== 'ByteLevel');
  const [step] = steps;
  if (step === undefined) return { before: [], after: [] };
  if (steps.length > 1) throw new Error('tokenizer.json: more than one post-processor adds special tokens');
  if (step.type === 'BertProcessing' || step.type === 'RobertaProcessing') {
    const { success, data } = pair.safeParse(step);
    if (!success)
      throw new Error(`tokenizer.json: post-processor ${step.type} must name cls and sep, each as [token, id]`);
    return { before: [idOrRefuse(data.cls[0])], after: [idOrRefuse(data.sep[0])] };
  }
  const parsed = single.safeParse(step);
  if (step.type !== 'TemplateProcessing' || !parsed.success)
    throw new Error(
      `tokenizer.json: post-processor ${step.type} is not supported; export the tokenizer with a template`,
    );
  const before: number[] = [];
  const after: number[] = [];
  let sequences = 0;
  for (const item of parsed.data.single) {
    const { type_id } = 'Sequence' in item ? item.Sequence : item.SpecialToken;
    if (type_id !== 0) throw new Error('tokenizer.json: token types other than 0 for a single text are not supported');
    if ('Sequence' in item) sequences++;
    else (sequences === 0 ? before : after).push(idOrRefuse(item.SpecialToken.id));
  }
  if (sequences !== 1) throw new Error('tokenizer.json: the template of a single text must hold the text once');
  return { before, after };
}
