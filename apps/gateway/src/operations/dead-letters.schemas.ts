import { z } from 'zod';

/** Offset of a dead letter in its dead-letter topic. */
const deadLetterId = z.number().int().min(0);

export const deadLetterSelection = z
  .union([
    z.strictObject({ ids: z.array(deadLetterId).min(1).max(10_000) }),
    z.strictObject({ all: z.literal(true).describe('Everything that waits now.') }),
  ])
  .meta({ id: 'DeadLetterSelection' });
export type DeadLetterSelection = z.output<typeof deadLetterSelection>;

export const deadLetterQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('Most items.'),
  cursor: z.string().max(1000).optional().describe('nextCursor of the page before.'),
});

const deadLetter = z
  .object({
    id: deadLetterId.describe('Offset in the dead-letter topic: its name for replay and drop.'),
    topic: z.string().describe('Topic the record was read from.'),
    partition: z.number().int(),
    offset: z.number().int(),
    timestamp: z.iso.datetime().nullable(),
    key: z.string().nullable(),
    value: z.string().nullable().describe('The original bytes, base64.'),
    text: z.string().describe('The bytes as text, for reading; shortened.'),
    error: z.string(),
    reason: z.string(),
    stage: z.string(),
    attempts: z.number().int(),
    failedAt: z.iso.datetime().nullable(),
    schemaId: z.number().int().nullable(),
  })
  .meta({ id: 'DeadLetter' });
export type DeadLetterOutput = z.output<typeof deadLetter>;

export const deadLettersOutput = z
  .object({ topics: z.array(z.object({ topic: z.string(), waiting: z.number().int() })) })
  .meta({ id: 'DeadLetterTopics' });
export type DeadLetterTopics = z.output<typeof deadLettersOutput>;

export const deadLetterListOutput = z
  .object({ items: z.array(deadLetter), nextCursor: z.string().nullable() })
  .meta({ id: 'DeadLetters' });
export type DeadLetterList = z.output<typeof deadLetterListOutput>;

export const deadLettersChanged = z
  .object({ topic: z.string(), changed: z.number().int().describe('How many were replayed or dropped.') })
  .meta({ id: 'DeadLettersChanged' });
