import { setTimeout as delay } from 'node:timers/promises';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { type Logger, reasonOf } from '#libs/platform';
import type { GatewayClient } from '../gateway-client.ts';

export interface FollowOptions {
  gateway: Pick<GatewayClient, 'url' | 'headers' | 'signal'>;
  logger: Logger;
  /** Names of the events wanted: the gateway measures throughput only for those who ask. */
  types: readonly string[];
  onEvent: (event: string, data: unknown) => void;
}

const retryEvery = 1000;

/** Listens to the gateway's public server-sent events until the client's signal; a lost connection is taken up where it was. */
export async function followEvents({ gateway, logger, types, onEvent }: FollowOptions): Promise<void> {
  const { url, headers, signal } = gateway;
  let last = '';
  while (!signal.aborted) {
    try {
      const response = await fetch(`${url}/v1/events?types=${types.join(',')}`, {
        headers: last === '' ? headers : { ...headers, 'last-event-id': last },
        signal,
      });
      if (!response.ok || response.body === null) throw new Error(`the gateway answers ${response.status}`);
      const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
      for await (const { id, event, data } of events) {
        last = id ?? last;
        onEvent(event ?? 'message', JSON.parse(data));
      }
    } catch (error) {
      if (!signal.aborted) logger.debug({ reason: reasonOf(error) }, 'the event stream was lost');
    }
    await delay(retryEvery, undefined, { signal }).catch(() => undefined);
  }
}
