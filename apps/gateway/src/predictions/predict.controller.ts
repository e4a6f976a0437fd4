import { Body, Controller, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { clientGone, Problem } from '#libs/http';
import type { LineFormat } from '#libs/lines';
import { parseInput, versionNumber } from '../edge/input.ts';
import { mediaType } from '../edge/media-types.ts';
import { BatchPredictions } from './batch-predictions.ts';
import { predictInput, type PredictOutput } from './predictions.schemas.ts';
import { Predictor } from './predictor.ts';

const batchQuery = z.strictObject({ version: versionNumber.optional() });

/** Answers while the caller waits: one request, or a file as a stream. */
@Controller('v1/models/:model')
export class PredictController {
  constructor(
    @Inject(Predictor) private readonly predictor: Predictor,
    @Inject(BatchPredictions) private readonly batches: BatchPredictions,
  ) {}

  @Post('predict')
  @HttpCode(200)
  predict(
    @Param('model') model: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PredictOutput> {
    const { texts, version } = parseInput(predictInput, body);
    return this.predictor.predict({ model, texts, version, signal: clientGone(reply) });
  }

  @Post('batch-predictions')
  async batch(
    @Param('model') model: string,
    @Query() query: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { version } = parseInput(batchQuery, query);
    if (!(request.body instanceof Readable))
      throw new Problem(415, 'send application/x-ndjson (one {"text"} a line) or text/csv');
    const format: LineFormat = mediaType(request.headers['content-type'] ?? '') === 'text/csv' ? 'csv' : 'jsonl';
    const signal = clientGone(reply);
    const output = await this.batches.run({ model, version, format, input: request.body, signal });
    await reply
      .code(200)
      .header('content-type', format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson; charset=utf-8')
      .send(output);
  }
}
