import { Controller, Get, Headers, Inject, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { EventClients } from './event-clients.ts';

/** What happens, as it happens. */
@Controller('v1/events')
export class EventsController {
  constructor(@Inject(EventClients) private readonly clients: EventClients) {}

  @Get()
  events(
    @Headers('last-event-id') lastEventId: string | undefined,
    @Query('types') types: unknown,
    @Res() reply: FastifyReply,
  ): void {
    this.clients.checkRoom();
    const wanted = typeof types === 'string' && types !== '' ? new Set(types.split(',')) : undefined;
    reply.hijack();
    this.clients.stream(reply.raw, lastEventId, (event) => wanted?.has(event) ?? true);
  }
}
