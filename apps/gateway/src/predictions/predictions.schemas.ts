import { z } from 'zod';
import { modelName, versionNumber } from '../edge/input.ts';

export const predictInput = z
  .strictObject({
    texts: z.array(z.string()).min(1).max(1000).describe('The texts.'),
    version: z.number().int().min(1).optional().describe('Version that answers; absent: the one that serves.'),
  })
  .meta({ id: 'PredictInput' });

const answer = z.object({
  label: z.string().describe('The most probable class.'),
  confidence: z.number().min(0).max(1).describe('Its probability.'),
  probabilities: z.record(z.string(), z.number()).describe('Class to probability; sums to 1.'),
  truncated: z.boolean().describe('The text is longer than the model takes: only its head was answered.'),
});

export const predictOutput = z
  .object({
    model: modelName,
    version: versionNumber,
    epoch: z.number().int().nullable().describe('Serving epoch; null for a version that does not serve.'),
    predictions: z.array(answer).describe('One answer a text, in order.'),
  })
  .meta({ id: 'PredictOutput' });
export type PredictOutput = z.output<typeof predictOutput>;
