import { z } from 'zod';

const step = z.looseObject({ type: z.string() });

const addedToken = z.looseObject({
  id: z.number().int().min(0),
  content: z.string(),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  special: z.boolean().default(false),
  normalized: z.boolean().optional(),
});

const fileSchema = z.looseObject({
  added_tokens: z.array(addedToken).default([]),
  normalizer: step.nullable().default(null),
  pre_tokenizer: step.nullable().default(null),
  post_processor: step.nullable().default(null),
  model: z.looseObject({ type: z.string().optional(), vocab: z.custom<object>((value) => typeof value === 'object') }),
});

/** A `tokenizer.json` of Hugging Face `tokenizers`, as far as every tokenizer has it. */
export type TokenizerFile = z.output<typeof fileSchema>;
/** A normaliser, pre-tokeniser or post-processor with its options. */
export type Step = z.output<typeof step>;
export type AddedToken = z.output<typeof addedToken>;

/** @throws Error in one sentence, for a file that is no tokenizer. */
export function parseTokenizerFile(json: string): TokenizerFile {
  let content: unknown;
  try {
    content = JSON.parse(json);
  } catch (cause) {
    throw new Error('tokenizer.json is not JSON', { cause });
  }
  const parsed = fileSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Error(`tokenizer.json ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
}

/**
 * Steps one after the other: what is inside a `Sequence`, or the step itself.
 * @throws Error in one sentence
 */
export function stepsOf(value: Step | null, inside: 'normalizers' | 'pretokenizers' | 'processors'): Step[] {
  if (value === null) return [];
  if (value.type !== 'Sequence') return [value];
  const parts = z.array(step).safeParse(value[inside]);
  if (!parts.success) throw new Error(`tokenizer.json: a Sequence must hold ${inside}, each with a type`);
  return parts.data.flatMap((part) => stepsOf(part, inside));
}

/** Pieces of the vocabulary with their ids: an object of ids, or an array of `[piece, score]`, whose place is the id. */
export function vocabularyOf({ model: { vocab } }: TokenizerFile): Map<string, number> {
  const entries: [unknown, unknown][] = Array.isArray(vocab)
    ? vocab.map((entry: unknown, id) => [Array.isArray(entry) ? entry[0] : undefined, id])
    : Object.entries(vocab);
  const ids = new Map<string, number>();
  for (const [piece, id] of entries) {
    if (typeof piece !== 'string' || typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= 2 ** 31)
      throw new Error('tokenizer.json model.vocab: every entry is a piece with its id or score');
    ids.set(piece, id);
  }
  return ids;
}
