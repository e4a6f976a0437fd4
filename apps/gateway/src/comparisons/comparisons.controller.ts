import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { z } from 'zod';
import { parseInput } from '../edge/input.ts';
import { ModelDirectory } from '../models/model-directory.ts';
import { type Comparison, Comparisons } from './comparisons.ts';

const version = z.coerce.number().int().min(1).max(999_999_999);

export const comparisonQuery = z
  .strictObject({ a: version.optional().describe('One version.'), b: version.optional().describe('The other one.') })
  .refine(({ a, b }) => (a === undefined) === (b === undefined), {
    message: 'name both versions or none',
    path: ['b'],
  })
  .refine(({ a, b }) => a === undefined || a !== b, { message: 'name two different versions', path: ['b'] });

/** Challengers beside the champion on the same later labels. */
@Controller('v1/models/:model')
export class ComparisonsController {
  constructor(
    @Inject(Comparisons) private readonly comparisons: Comparisons,
    @Inject(ModelDirectory) private readonly directory: ModelDirectory,
  ) {}

  @Get('comparisons')
  async list(@Param('model') model: string, @Query() query: unknown): Promise<{ items: Comparison[] }> {
    const { a, b } = parseInput(comparisonQuery, query);
    await this.directory.require(model);
    const named = a !== undefined && b !== undefined;
    return { items: await (named ? this.comparisons.between(model, [a, b]) : this.comparisons.current(model)) };
  }
}
