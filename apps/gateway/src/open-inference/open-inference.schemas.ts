import { z } from 'zod';

/** Open Inference Protocol v2, https://github.com/kserve/open-inference-protocol. */

const parameters = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional();

export const inferInput = z
  .looseObject({
    id: z.string().optional(),
    parameters,
    inputs: z
      .array(
        z.looseObject({
          name: z.string(),
          shape: z.array(z.number().int().min(0)).min(1),
          datatype: z.string(),
          parameters,
          data: z.array(z.unknown()),
        }),
      )
      .min(1),
    outputs: z.array(z.looseObject({ name: z.string(), parameters })).optional(),
  })
  .meta({ id: 'InferInput' });

const output = z.union([
  z.object({
    name: z.literal('label'),
    shape: z.array(z.number().int()),
    datatype: z.literal('BYTES'),
    data: z.array(z.string()),
  }),
  z.object({
    name: z.literal('probabilities'),
    shape: z.array(z.number().int()),
    datatype: z.literal('FP32'),
    data: z.array(z.number()).describe('Row-major; classes in ascending order of their name.'),
  }),
]);

export const inferOutput = z
  .object({
    model_name: z.string(),
    model_version: z.string(),
    id: z.string().optional(),
    parameters: z
      .object({ truncated: z.string().describe('Rows of texts that were cut to what the model takes, a JSON array.') })
      .optional(),
    outputs: z.array(output),
  })
  .meta({ id: 'InferOutput' });

const tensor = z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number().int()) });

export const modelMetadata = z
  .object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string(),
    inputs: z.array(tensor),
    outputs: z.array(tensor),
    parameters: z.object({ labels: z.string().describe('Classes in order, a JSON array.') }).optional(),
  })
  .meta({ id: 'ModelMetadata' });

export const inferenceError = z.object({ error: z.string() }).meta({ id: 'InferenceError' });
export const serverMetadata = z
  .object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) })
  .meta({ id: 'ServerMetadata' });
export const live = z.object({ live: z.boolean() }).meta({ id: 'Live' });
export const ready = z.object({ ready: z.boolean() }).meta({ id: 'Ready' });
export const modelReady = z.object({ name: z.string(), ready: z.boolean() }).meta({ id: 'ModelReady' });
