import { setTimeout as delay } from 'node:timers/promises';
import type { Label, RecordOf, Text } from '#libs/events';
import { Problem } from '#libs/http';
import { type Clock, type Configuration, type Metrics, milliseconds, newId } from '#libs/platform';
import { invalid, parseInput } from '../edge/input.ts';
import type { ModelDirectory } from '../models/model-directory.ts';
import { derivedId, IdempotentAnswers } from './idempotency.ts';
import {
  type Accepted,
  type LabelInput,
  labelInput,
  maximumRecords,
  type TextInput,
  textInput,
} from './texts.schemas.ts';

export type IntakeTopic = 'texts' | 'labels';

/** What the intake needs of Kafka: resolves with the places in order, after the broker's acknowledgement. */
export type SendRecords = <T extends IntakeTopic>(
  topic: T,
  records: { key: string; value: RecordOf<T> }[],
) => Promise<{ topic: string; partition: number; offset: number }[]>;

export interface IntakeOptions {
  send: SendRecords;
  directory: ModelDirectory;
  config: Pick<Configuration, 'http' | 'stream'>;
  clock: Clock;
  metrics: Metrics;
}

/** Records of remembered answers. */
const rememberedRecords = 100_000;

/** Texts and labels on their way to Kafka: checked, given ids, sent, and only then accepted. */
export class RecordIntake {
  readonly #options: IntakeOptions;
  readonly #answers = new IdempotentAnswers<Accepted>(rememberedRecords);
  readonly #maximumPendingBytes: number;
  /** Bytes handed to the producer and not acknowledged; they outlive a request that stopped waiting. */
  #pendingBytes = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#maximumPendingBytes = options.config.http.maximumInFlightMegabytes * 1024 ** 2;
  }

  texts(body: unknown, key: string | undefined): Promise<Accepted> {
    return this.#accept('texts', { body, key, read: (value, prefix, id) => this.#text(value, prefix, id) });
  }

  labels(body: unknown, key: string | undefined): Promise<Accepted> {
    return this.#accept('labels', { body, key, read: (value, prefix) => this.#label(value, prefix) });
  }

  async #accept<T extends IntakeTopic>(
    topic: T,
    {
      body,
      key,
      read,
    }: {
      body: unknown;
      key: string | undefined;
      read: (value: unknown, prefix: string, id: () => string) => { key: string; value: RecordOf<T> };
    },
  ): Promise<Accepted> {
    const values: unknown[] = Array.isArray(body) ? body : [body];
    if (values.length === 0) throw invalid([{ pointer: '', message: 'must hold at least one record' }]);
    if (values.length > maximumRecords)
      throw new Problem(413, `${values.length} records in one request; send at most ${maximumRecords}`);
    if (key !== undefined && (key === '' || key.length > 256))
      throw new Problem(400, 'Idempotency-Key must have 1 to 256 characters');
    const records = values.map((value, index) =>
      read(value, Array.isArray(body) ? `/${index}` : '', () =>
        key === undefined ? newId() : derivedId(topic, key, index),
      ),
    );
    await this.#checkModels(records, Array.isArray(body));
    const make = () => this.#send(topic, records);
    const sent =
      key === undefined ? make() : this.#answers.answer(`${topic}\0${key}`, body, { weight: records.length, make });
    return this.#inTime(sent);
  }

  #text(value: unknown, prefix: string, id: () => string): { key: string; value: Text } {
    const input: TextInput = parseInput(textInput, value, prefix);
    if (Buffer.byteLength(input.text) > this.#options.config.stream.maximumTextBytes)
      throw invalid([
        { pointer: `${prefix}/text`, message: `longer than ${this.#options.config.stream.maximumTextBytes} bytes` },
      ]);
    const text = {
      id: input.id ?? id(),
      model: input.model,
      // A lone surrogate has no UTF-8 form; it becomes U+FFFD here, where the sender can still see it.
      text: input.text.toWellFormed(),
      occurredAt: this.#time(input.occurredAt),
      source: input.source.toWellFormed(),
      attributes: input.attributes,
    };
    return { key: text.id, value: text };
  }

  #label(value: unknown, prefix: string): { key: string; value: Label } {
    const input: LabelInput = parseInput(labelInput, value, prefix);
    return { key: input.textId, value: { ...input, labelledAt: this.#time(input.labelledAt) } };
  }

  #time(value: string | undefined): number {
    return value === undefined ? this.#options.clock.now() : Date.parse(value);
  }

  async #checkModels(records: readonly { value: { model: string } }[], array: boolean): Promise<void> {
    const seen = new Set<string>();
    for (const [index, { value }] of records.entries()) {
      if (seen.has(value.model)) continue;
      seen.add(value.model);
      await this.#options.directory.require(value.model, `${array ? `/${index}` : ''}/model`);
    }
  }

  async #send<T extends IntakeTopic>(topic: T, records: { key: string; value: RecordOf<T> }[]): Promise<Accepted> {
    const bytes = records.reduce((sum, { value }) => sum + sizeOf(value), 0);
    if (this.#pendingBytes + bytes > this.#maximumPendingBytes) {
      this.#options.metrics.increment('tidemill_http_refused_total');
      throw new Problem(503, 'the broker is slower than the senders; try again after the time in Retry-After', {
        retryAfter: 2,
      });
    }
    this.#pendingBytes += bytes;
    try {
      const places = await this.#options.send(topic, records);
      return { accepted: places.map((place, index) => ({ id: records[index]?.key ?? '', ...place })) };
    } finally {
      this.#pendingBytes -= bytes;
    }
  }

  /** Waiting ends, sending does not: a retry with the same Idempotency-Key finds the answer. */
  async #inTime(sent: Promise<Accepted>): Promise<Accepted> {
    const cancel = new AbortController();
    const deadline = milliseconds(this.#options.config.http.acknowledgeTimeout);
    const late = delay(deadline, undefined, { signal: cancel.signal }).then(
      () => {
        throw new Problem(
          503,
          `the broker did not acknowledge in ${deadline / 1000} s; what was sent may still arrive: retry with the same ids or Idempotency-Key`,
          { retryAfter: 5 },
        );
      },
      () => sent,
    );
    try {
      return await Promise.race([sent, late]);
    } finally {
      cancel.abort();
    }
  }
}

/** What a record about weighs in the producer's memory. */
function sizeOf(value: Text | Label): number {
  return 256 + ('text' in value ? value.text.length * 2 : 0);
}
