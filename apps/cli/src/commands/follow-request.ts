import { CliError } from '../cli-error.ts';
import type { GatewayClient } from '../gateway-client.ts';
import { note, progress, progressDone } from '../output.ts';

/** How a retraining request ended. */
export interface Outcome {
  requestId: string;
  kind: 'promoted' | 'challenger-set' | 'refused' | 'run-failed';
  model: string;
  version: number | null;
  reason: string;
  metrics: Record<string, number>;
}

interface RegistryEvent extends Omit<Outcome, 'kind' | 'requestId'> {
  kind: string;
  requestId: string | null;
}

const ends = new Set(['promoted', 'challenger-set', 'refused', 'run-failed']);

/**
 * Makes a request and listens to the gateway's events until it is decided. Listening begins before asking, so that
 * nothing is missed however quick the answer is.
 */
export async function followRequest(client: GatewayClient, ask: () => Promise<{ id: string }>): Promise<Outcome> {
  const { createParser } = await import('eventsource-parser');
  const stop = new AbortController();
  const response = await client.raw('/v1/events', { signal: stop.signal });
  const early: RegistryEvent[] = [];
  const decided = Promise.withResolvers<Outcome>();
  let requestId: string | undefined;
  const take = (event: RegistryEvent) => {
    if (requestId === undefined) early.push(event);
    else if (event.requestId === requestId) {
      if (ends.has(event.kind)) decided.resolve({ ...event, requestId, kind: event.kind as Outcome['kind'] });
      else note(`${event.kind.replaceAll('-', ' ')}${event.reason === '' ? '' : `: ${event.reason}`}`);
    }
  };
  const parser = createParser({
    onEvent({ event, data }) {
      if (event === 'registry-events') take(JSON.parse(data) as RegistryEvent);
      else if (event === 'retraining') progress(progressText(JSON.parse(data)));
    },
  });
  const reading = read(response, (text) => parser.feed(text));
  reading.then(
    () => decided.reject(new CliError('the gateway ended the event stream; see `tidemill runs` for how it went')),
    (error: unknown) => decided.reject(error),
  );
  try {
    requestId = (await ask()).id;
    for (const event of early) take(event);
    return await decided.promise;
  } finally {
    progressDone();
    stop.abort();
  }
}

export function tellOutcome({ kind, model, version, reason }: Outcome): string {
  const name = version === null ? model : `${model}@${version}`;
  const said = reason === '' ? '' : `: ${reason}`;
  const told = {
    promoted: `${name} is promoted`,
    'challenger-set': `${name} is the canary, until labels decide`,
    refused: `${name} is refused`,
    'run-failed': `training ${model} failed`,
  };
  return `${told[kind]}${said}`;
}

async function read(response: Response, feed: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) feed(decoder.decode(chunk, { stream: true }));
}

function progressText(status: unknown): string {
  if (typeof status !== 'object' || status === null) return 'retraining';
  const shown = Object.entries(status).filter(([, value]) => typeof value === 'string' || typeof value === 'number');
  return `retraining: ${shown.map(([name, value]) => `${name} ${String(value)}`).join(', ')}`;
}
