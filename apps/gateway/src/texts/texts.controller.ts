import { Body, Controller, Headers, HttpCode, Inject, Post } from '@nestjs/common';
import type { Accepted } from './texts.schemas.ts';
import { RecordIntake } from './record-intake.ts';

/** Texts and labels in; 202 means that the broker has them. */
@Controller('v1')
export class TextsController {
  constructor(@Inject(RecordIntake) private readonly intake: RecordIntake) {}

  @Post('texts')
  @HttpCode(202)
  texts(@Body() body: unknown, @Headers('idempotency-key') key: string | undefined): Promise<Accepted> {
    return this.intake.texts(body, key);
  }

  @Post('labels')
  @HttpCode(202)
  labels(@Body() body: unknown, @Headers('idempotency-key') key: string | undefined): Promise<Accepted> {
    return this.intake.labels(body, key);
  }
}
