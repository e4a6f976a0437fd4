import type { ServerResponse } from 'node:http';
import { Problem } from '#libs/http';
import type { EventHub, HubEvent, Wants } from './event-hub.ts';

const heartbeatEvery = 15_000;
/** Bytes a client may leave unread before it is dropped; it comes back with Last-Event-ID. */
const maximumUnread = 1_048_576;

/** The open event streams. */
export class EventClients {
  readonly #hub: EventHub;
  readonly #maximum: number;
  readonly #open = new Set<ServerResponse>();
  #draining = false;

  constructor(hub: EventHub, maximum: number) {
    this.#hub = hub;
    this.#maximum = maximum;
  }

  /** @throws Problem 503 when there are enough clients, or the gateway is going */
  checkRoom(): void {
    if (this.#draining) throw new Problem(503, 'the gateway is stopping', { retryAfter: 2 });
    if (this.#open.size >= this.#maximum)
      throw new Problem(503, `${this.#maximum} event streams are open already`, { retryAfter: 5 });
  }

  /** Streams events until the client goes, is too slow, or the gateway stops. */
  stream(response: ServerResponse, lastEventId: string | undefined, wants: Wants): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      connection: 'keep-alive',
      'x-accel-buffering': 'no',
    });
    const send = (event: HubEvent) => this.#write(response, render(event));
    const missed = lastEventId === undefined ? [] : this.#hub.since(lastEventId);
    this.#write(
      response,
      `retry: 2000\nevent: hello\ndata: ${JSON.stringify({ resumed: missed !== undefined && lastEventId !== undefined })}\n\n`,
    );
    for (const event of missed ?? []) if (wants(event.event)) send(event);
    const stop = this.#hub.listen(send, wants);
    const heartbeat = setInterval(() => this.#write(response, ': alive\n\n'), heartbeatEvery);
    this.#open.add(response);
    response.once('close', () => {
      clearInterval(heartbeat);
      stop();
      this.#open.delete(response);
    });
  }

  /** Ends every stream, so that the server can close. */
  drain(): void {
    this.#draining = true;
    for (const response of this.#open) response.end();
  }

  #write(response: ServerResponse, text: string): void {
    if (response.writableLength > maximumUnread) response.destroy();
    else response.write(text);
  }
}

function render({ id, event, data }: HubEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${data}\n\n`;
}
