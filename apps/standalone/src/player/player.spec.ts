import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#libs/platform';
import { GatewayClient } from '../gateway-client.ts';
import { Story } from '../story/story.ts';
import { type SomaliOptions, somaliScript } from '../streams/somali.ts';
import { play } from './player.ts';

const hours = { baseline: 1, prior: 1, drift: 4, after: 1 };

/** The gateway's contract over HTTP, with a loop behind it that promotes version 2 once it has enough labels. */
class SmallLoop {
  readonly texts: { id: string; occurredAt: string }[] = [];
  readonly labels: { textId: string; labelledAt: string }[] = [];
  readonly answered = new Map<string, number>();
  version = 0;
  promoteAt = 900;
  /** Requests for texts are refused with 503 this many times. */
  busy = 0;
  trained = 0;

  answer(path: string, method: string, body: string): { status: number; body: unknown } {
    if (path === '/v1/status') return { status: 200, body: { idle: true, reasons: [], lags: {} } };
    if (path === '/v1/texts') return this.#take(JSON.parse(body) as SmallLoop['texts']);
    if (path === '/v1/labels') return this.#label(JSON.parse(body) as SmallLoop['labels']);
    if (path === '/v1/models/somali/datasets') {
      this.trained = body.trim().split('\n').length;
      return { status: 200, body: { digest: 'd'.repeat(64), texts: this.trained, labels: ['som', '058', '057'] } };
    }
    if (path === '/v1/models/somali/retraining-requests') {
      this.version = 1;
      return { status: 202, body: { id: 'r' } };
    }
    if (path === '/v1/models/somali/predict') return { status: 200, body: { version: this.version } };
    if (path === '/v1/models/somali' && this.version > 0) {
      return { status: 200, body: { serving: { version: this.version } } };
    }
    const asked = /^\/v1\/predictions\/([^?]+)/.exec(path)?.[1];
    const version = asked === undefined ? undefined : this.answered.get(asked);
    if (version !== undefined) return { status: 200, body: { version } };
    return { status: 404, body: { detail: `${method} ${path}: nothing there` } };
  }

  #take(texts: SmallLoop['texts']) {
    if (this.busy-- > 0) return { status: 503, body: { detail: 'not now' } };
    this.texts.push(...texts);
    for (const { id } of texts) this.answered.set(id, this.version);
    return { status: 202, body: { accepted: [] } };
  }

  #label(labels: SmallLoop['labels']) {
    this.labels.push(...labels);
    // A repeated label is the same label.
    if (new Set(this.labels.map(({ textId }) => textId)).size >= this.promoteAt) this.version = 2;
    return { status: 202, body: { accepted: [] } };
  }
}

describe('the player', () => {
  let loop: SmallLoop;
  let server: Server;
  let url: string;
  let said: string[];

  beforeEach(async () => {
    loop = new SmallLoop();
    said = [];
    server = createServer((request: IncomingMessage, response) => {
      void respond(request, response);
    });
    const listening = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', () => listening.resolve());
    await listening.promise;
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  });
  afterEach(() => server.close());

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = loop.answer(request.url ?? '', request.method ?? '', await readText(request));
    response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '0' });
    response.end(JSON.stringify(body));
  }

  const playing = (options: SomaliOptions = { hours }, signal = new AbortController().signal) =>
    play({
      script: somaliScript(options),
      gateway: new GatewayClient(url, { token: '', signal }),
      story: new Story({ write: (text: string) => said.push(text) }, systemClock),
      clock: systemClock,
      speed: undefined,
    });

  const times = (values: string[]) => values.map((value) => Date.parse(value));
  const sorted = (values: number[]) => values.every((value, index) => value >= (values[index - 1] ?? value));

  it('creates version 1, then sends every text and label once, in order of event time', async () => {
    loop.busy = 2;
    await playing();
    expect(loop.trained).toBe(900);
    const ids = loop.texts.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length % 300).toBe(0);
    expect(sorted(times(loop.texts.map(({ occurredAt }) => occurredAt)))).toBe(true);
    expect(sorted(times(loop.labels.map(({ labelledAt }) => labelledAt)))).toBe(true);
    expect(new Set(loop.labels.map(({ textId }) => textId)).size).toBe(loop.labels.length);
    // Two hours of the first dialects, drift until version 2, one hour after it.
    expect(ids.length).toBeLessThan(300 * (2 + hours.drift + 1));
    expect(said.join('')).toContain('from articles that nothing was trained on');
  });

  it('goes on where it was stopped, and sends the same texts in the end', async () => {
    const whole = new SmallLoop();
    const stopped = loop;
    loop = whole;
    await playing();
    loop = stopped;
    const stop = new AbortController();
    const take = loop.answer.bind(loop);
    loop.answer = (path, method, body) => {
      if (loop.texts.length > 700) stop.abort();
      return take(path, method, body);
    };
    await expect(playing({ hours }, stop.signal)).rejects.toThrow(/abort/i);
    loop.answer = take;
    const before = loop.texts.length;
    await playing();
    expect(loop.texts.map(({ id }) => id)).toEqual(whole.texts.map(({ id }) => id));
    expect(loop.texts.length).toBeGreaterThan(before);
    expect(new Set(loop.labels.map(({ textId }) => textId))).toEqual(new Set(whole.labels.map(({ textId }) => textId)));
    expect(said.join('')).toContain('slices that were played before');
  });

  it('sends no text twice when everything has been played', async () => {
    await playing();
    const { length } = loop.texts;
    await playing();
    expect(loop.texts.length).toBe(length);
  });

  it('says what the gateway refuses', async () => {
    loop.answer = () => ({ status: 422, body: { detail: 'no such thing' } });
    await expect(playing()).rejects.toThrow('422 no such thing');
  });
});
