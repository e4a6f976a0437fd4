import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { parseInput } from '../edge/input.ts';
import { deadLetterQuery, deadLetterSelection } from './dead-letters.schemas.ts';
import { DeadLetters } from './dead-letters.ts';

/** What could not be processed. */
@Controller('v1/dead-letters')
export class DeadLettersController {
  constructor(@Inject(DeadLetters) private readonly letters: DeadLetters) {}

  @Get()
  topics() {
    return this.letters.topics();
  }

  @Get(':topic')
  list(@Param('topic') topic: string, @Query() query: unknown) {
    return this.letters.list(topic, parseInput(deadLetterQuery, query));
  }

  @Post(':topic/replay')
  @HttpCode(200)
  replay(@Param('topic') topic: string, @Body() body: unknown) {
    return this.letters.resolve(topic, 'replay', parseInput(deadLetterSelection, body));
  }

  @Post(':topic/drop')
  @HttpCode(200)
  drop(@Param('topic') topic: string, @Body() body: unknown) {
    return this.letters.resolve(topic, 'drop', parseInput(deadLetterSelection, body));
  }
}
