import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Clock } from '#libs/platform';
import type { GatewayClient } from '../gateway-client.ts';
import { streamError } from '../streams/errors.ts';

const status = z.looseObject({
  idle: z.boolean(),
  reasons: z.array(z.string()),
  lags: z.record(z.string(), z.record(z.string(), z.number().nullable())),
});
const model = z.looseObject({ serving: z.looseObject({ version: z.number() }).nullish() });
const predicted = z.looseObject({ version: z.number() });

/** A state that lasts this short can be the gap between two pieces of work. */
const settleFor = 150;
const askEvery = 100;
const patience = 15 * 60_000;

/** What a player can see of the loop: nothing but the gateway's public API. */
export class Loop {
  readonly #gateway: GatewayClient;
  readonly #clock: Clock;

  constructor(gateway: GatewayClient, clock: Clock) {
    this.#gateway = gateway;
    this.#clock = clock;
  }

  /**
   * Waits until nothing is pending anywhere, twice in a row: no lag, windows decided, no retraining.
   * @throws TidemillError STREAM_STUCK
   */
  async idle(onWaiting: (what: string) => void = () => undefined): Promise<void> {
    const started = this.#clock.now();
    for (let before = false; ;) {
      const now = await this.#gateway.get('/v1/status', status);
      if (now.idle && before) return;
      before = now.idle;
      if (!now.idle) onWaiting(pending(now));
      if (this.#clock.now() - started > patience) throw streamError('STREAM_STUCK', { detail: pending(now) });
      await delay(now.idle ? settleFor : askEvery, undefined, { signal: this.#gateway.signal });
    }
  }

  /** The version that the registry names and that inference answers with; 0: none. */
  async servingVersion(name: string, probe: string): Promise<number> {
    const started = this.#clock.now();
    for (;;) {
      const registered = (await this.#gateway.find(`/v1/models/${name}`, model))?.serving?.version;
      if (registered === undefined) return 0;
      const { status: code, body } = await this.#gateway.call(`/v1/models/${name}/predict`, {
        method: 'POST',
        body: JSON.stringify({ texts: [probe] }),
      });
      if (code < 400 && predicted.parse(body).version === registered) return registered;
      if (this.#clock.now() - started > patience) {
        throw streamError('STREAM_STUCK', { detail: `${name}@${registered} is promoted but does not answer` });
      }
      await delay(askEvery, undefined, { signal: this.#gateway.signal });
    }
  }

  /** The version that answered a text of the stream; undefined while there is no prediction. */
  async answeredBy(name: string, textId: string): Promise<number | undefined> {
    const path = `/v1/predictions/${encodeURIComponent(textId)}?model=${name}`;
    return (await this.#gateway.find(path, predicted))?.version;
  }
}

function pending({ reasons, lags }: z.output<typeof status>): string {
  if (reasons.length > 0) return reasons.join('; ');
  const behind = Object.entries(lags).flatMap(([group, topics]) =>
    Object.entries(topics)
      .filter(([, lag]) => lag !== 0)
      .map(([topic, lag]) => `${group} has ${lag ?? 'an unknown number'} of ${topic} to read`),
  );
  return behind[0] ?? 'windows and retraining are being worked on';
}
