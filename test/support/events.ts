import { createParser } from 'eventsource-parser';

/** What a gateway says has happened, from now on. */
export interface Events extends AsyncDisposable {
  /** The first event of the name that fits, seen already or still to come. */
  until(name: string, fits: (data: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
}

export async function listen(url: string): Promise<Events> {
  const stop = new AbortController();
  const response = await fetch(`${url}/v1/events`, { signal: stop.signal });
  const seen: { name: string; data: Record<string, unknown> }[] = [];
  const waiting = new Set<() => void>();
  const parser = createParser({
    onEvent({ event, data }) {
      seen.push({ name: event ?? '', data: JSON.parse(data) as Record<string, unknown> });
      for (const check of waiting) check();
    },
  });
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
  })().catch(() => undefined);
  return {
    until: (name, fits) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const found = seen.find((event) => event.name === name && fits(event.data));
          if (found === undefined) return;
          waiting.delete(check);
          resolve(found.data);
        };
        waiting.add(check);
        void reading.then(() => reject(new Error(`the events ended before the wanted one of ${name}`)));
        check();
      }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await reading;
    },
  };
}
