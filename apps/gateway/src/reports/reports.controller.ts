import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { z } from 'zod';
import { instant, parseInput } from '../edge/input.ts';
import { ModelDirectory } from '../models/model-directory.ts';
import type { Page, ReportListName } from './report-lists.ts';
import { Reports } from './reports.ts';

export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('Most items of the page.'),
  cursor: z.string().max(1000).optional().describe('nextCursor of the page before.'),
  from: instant.optional().describe('Not before this time (RFC 3339).'),
  to: instant.optional().describe('Before this time (RFC 3339).'),
});

/** What each list can be narrowed to besides time. */
export const listQueries = {
  'drift-reports': pageQuery.extend({ verdict: z.enum(['collecting', 'stable', 'warning', 'drift']).optional() }),
  'performance-reports': pageQuery.extend({ scope: z.enum(['window', 'rolling']).optional() }),
  decisions: pageQuery.extend({
    outcome: z.enum(['fired', 'held', 'not-met']).optional(),
    policy: z.string().max(64).optional(),
  }),
  swaps: pageQuery,
} as const satisfies Record<ReportListName, z.ZodType>;

/** What was measured and decided, newest first. */
@Controller('v1/models/:model')
export class ReportsController {
  constructor(
    @Inject(Reports) private readonly reports: Reports,
    @Inject(ModelDirectory) private readonly directory: ModelDirectory,
  ) {}

  @Get('drift-reports')
  drift(@Param('model') model: string, @Query() query: unknown): Promise<Page> {
    return this.#page('drift-reports', model, query);
  }

  @Get('performance-reports')
  performance(@Param('model') model: string, @Query() query: unknown): Promise<Page> {
    return this.#page('performance-reports', model, query);
  }

  @Get('decisions')
  decisions(@Param('model') model: string, @Query() query: unknown): Promise<Page> {
    return this.#page('decisions', model, query);
  }

  @Get('swaps')
  swaps(@Param('model') model: string, @Query() query: unknown): Promise<Page> {
    return this.#page('swaps', model, query);
  }

  async #page(name: ReportListName, model: string, query: unknown): Promise<Page> {
    const { limit, cursor, from, to, ...filters } = parseInput(listQueries[name], query);
    await this.directory.require(model);
    return this.reports.page(name, { model, limit, cursor, from, to, filters });
  }
}
