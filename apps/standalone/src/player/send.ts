import { setTimeout as delay } from 'node:timers/promises';
import type { Label, Text } from '#libs/events';
import type { Clock } from '#libs/platform';
import type { GatewayClient } from '../gateway-client.ts';
import type { Slice } from '../streams/stream-script.ts';

/** Records and UTF-16 units of one request: well under what the gateway takes. */
const maximumRecords = 500;
const maximumUnits = 400_000;
/** Event time sent at once when playing at a given speed, in milliseconds of real time. */
const tick = 250;

/** When event time may pass. */
export class Pace {
  readonly #speed: number | undefined;
  readonly #clock: Clock;
  #origin: { event: number; real: number } | undefined;

  /** @param options.speed event milliseconds per real millisecond; undefined: as fast as the loop takes it */
  constructor({ speed, clock }: { speed: number | undefined; clock: Clock }) {
    this.#speed = speed;
    this.#clock = clock;
  }

  /** Event time that passes in one tick. */
  get step(): number {
    return this.#speed === undefined ? Number.POSITIVE_INFINITY : this.#speed * tick;
  }

  /** Waits until it is time for the event time `at`. */
  async reach(at: number, signal: AbortSignal): Promise<void> {
    if (this.#speed === undefined) return;
    this.#origin ??= { event: at, real: this.#clock.now() };
    const due = this.#origin.real + (at - this.#origin.event) / this.#speed;
    const wait = due - this.#clock.now();
    if (wait > 0) await delay(wait, undefined, { signal });
  }
}

export interface SendOptions {
  gateway: GatewayClient;
  pace: Pace;
  /** Texts have been sent before: only the labels. */
  labelsOnly: boolean;
}

/** Sends what happens in a slice through the gateway, in order of event time, acknowledged by the broker. */
export async function sendSlice(slice: Slice, { gateway, pace, labelsOnly }: SendOptions): Promise<void> {
  const texts = labelsOnly ? [] : slice.texts;
  const first = Math.min(texts[0]?.occurredAt ?? slice.until, slice.labels[0]?.labelledAt ?? slice.until);
  for (let from = first; from < slice.until;) {
    const until = Math.min(from + pace.step, slice.until);
    await pace.reach(until, gateway.signal);
    const within = (at: number) => at >= from && at < until;
    for (const batch of batches(texts.filter(({ occurredAt }) => within(occurredAt)))) {
      await gateway.post('/v1/texts', batch.map(asTextInput));
    }
    for (const batch of batches(slice.labels.filter(({ labelledAt }) => within(labelledAt)))) {
      await gateway.post('/v1/labels', batch.map(asLabelInput));
    }
    from = until;
  }
}

function* batches<T extends Text | Label>(records: readonly T[]): Generator<T[]> {
  let batch: T[] = [];
  let units = 0;
  for (const record of records) {
    const size = 'text' in record ? record.text.length : 0;
    if (batch.length === maximumRecords || (batch.length > 0 && units + size > maximumUnits)) {
      yield batch;
      batch = [];
      units = 0;
    }
    batch.push(record);
    units += size;
  }
  if (batch.length > 0) yield batch;
}

function asTextInput(text: Text): unknown {
  return { ...text, occurredAt: new Date(text.occurredAt).toISOString() };
}

function asLabelInput(label: Label): unknown {
  return { ...label, labelledAt: new Date(label.labelledAt).toISOString() };
}
