import { Controller, Get, Headers, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { EventClients } from './event-clients.ts';

/** What happens, as it happens. */
@Controller('v1/events')
export class EventsController {
  constructor(@Inject(EventClients) private readonly clients: EventClients) {}

  @Get()
  events(@Headers('last-event-id') lastEventId: string | undefined, @Res() reply: FastifyReply): void {
    this.clients.checkRoom();
    reply.hijack();
    this.clients.stream(reply.raw, lastEventId);
  }
}
