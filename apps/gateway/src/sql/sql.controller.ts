import { Body, Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { clientGone } from '#libs/http';
import { Guard } from '../edge/guard.ts';
import { parseInput } from '../edge/input.ts';
import { AnalystSql } from './analyst-sql.ts';

export const sqlInput = z
  .strictObject({ sql: z.string().min(1).max(100_000).describe('One SELECT statement.') })
  .meta({ id: 'SqlInput' });

/** One guarded SELECT; needs a token even on loopback, because on the embedded engine SQL is close to the machine. */
@Controller('v1/sql')
export class SqlController {
  constructor(
    @Inject(AnalystSql) private readonly analyst: AnalystSql,
    @Inject(Guard) private readonly guard: Guard,
  ) {}

  @Post()
  @HttpCode(200)
  query(@Body() body: unknown, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    this.guard.requireToken(request);
    return this.analyst.run(parseInput(sqlInput, body).sql, clientGone(reply));
  }
}
