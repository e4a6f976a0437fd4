import { z } from 'zod';
import { instant, modelName } from '../edge/input.ts';

/** Most records of one request. */
export const maximumRecords = 1000;

const identifier = z
  .string()
  .min(1)
  .max(256)
  .refine((value) => value.isWellFormed() && !/\p{Cc}/u.test(value), 'must not hold control characters');

/** A text as it comes in. */
export const textInput = z
  .strictObject({
    id: identifier.optional().describe('Text id; made up when absent.'),
    model: modelName.describe('Which classifier the text is for.'),
    text: z.string().describe('The text, any language, at most 1 MiB as UTF-8.'),
    occurredAt: instant.optional().describe('When the text came into being (RFC 3339); absent: now.'),
    source: z.string().max(256).default('http').describe('Where the text comes from.'),
    attributes: z
      .record(z.string().max(256), z.string().max(4096))
      .refine((attributes) => Object.keys(attributes).length <= 64, 'must not have more than 64 entries')
      .default({})
      .describe('Free attributes; `group` names texts that belong together.'),
  })
  .meta({ id: 'TextInput' });
export type TextInput = z.output<typeof textInput>;

/** A label as it comes in. */
export const labelInput = z
  .strictObject({
    textId: identifier.describe('Id of the labelled text.'),
    model: modelName.describe('Which classifier the label is for.'),
    label: z.string().min(1).max(256).describe('The class.'),
    labeller: z.string().max(256).default('').describe('Who labelled.'),
    source: z.enum(['human', 'user', 'model']).default('human').describe('Kind of labeller.'),
    labelledAt: instant.optional().describe('When the label was given (RFC 3339); absent: now.'),
    confidence: z.number().min(0).max(1).nullable().default(null).describe("The labeller's own confidence."),
  })
  .meta({ id: 'LabelInput' });
export type LabelInput = z.output<typeof labelInput>;

export const accepted = z
  .object({
    accepted: z.array(
      z.object({
        id: z.string().describe('Text id.'),
        topic: z.string(),
        partition: z.number().int(),
        offset: z.number().int(),
      }),
    ),
  })
  .meta({ id: 'Accepted' });
export type Accepted = z.output<typeof accepted>;
