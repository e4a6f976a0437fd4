import { topics, type TopicName } from '#libs/events';
import { eventLoopTurn, reasonOf } from '#libs/platform';
import type { BatchControl, RawBatch, RawMessage } from '../backend/backend.ts';
import type { Reject } from '../codec/reject.ts';
import { isRetriable, streamError } from '../errors.ts';
import type { DeadLetter } from '../dead-letters/dead-letter-writer.ts';
import { backOff, waitWhileOwned } from './back-off.ts';
import { DeadLetterLimits } from './dead-letter-limits.ts';
import { decodeBatch, type DecodedBatch, type DecodedMessage, toBatch } from './decoded-batch.ts';
import type { AdmitRejects, ConsumeOptions, PipelineServices, Rejection } from './consume-options.ts';

export interface BatchRunnerOptions<T extends TopicName> {
  options: ConsumeOptions<T>;
  maximumRecords: number;
  services: PipelineServices;
  /** Why a partition does not move; undefined: all of them move again. */
  onStopped(reason: string | undefined): void;
}

/** How often a record is given to a handler that fails on it for no passing reason. */
const handlerAttempts = 3;
/** Between them, in milliseconds: short, for hundreds may fail one after the other before the limit stops them. */
const handlerPause = 25;

interface Slice {
  raw: RawBatch;
  messages: RawMessage[];
}

/** What a handler is given beside its records. */
interface Hold<T extends TopicName> {
  control: BatchControl;
  admitRejects: AdmitRejects<T>;
}

/**
 * Decode → handle → dead-letter, until everything of a batch is done; the backend commits after it.
 *
 *   1 decode          nothing has happened yet
 *   2 handle          a crash after it delivers the records again: effects are idempotent by key
 *   3 dead letters    a crash after it writes them twice, with the same topic, partition and offset
 *   4 resolve         now the offset may be committed
 */
export class BatchRunner<T extends TopicName> {
  readonly #settings: BatchRunnerOptions<T>;
  readonly #limits: DeadLetterLimits;
  /** Partition to the reason why it does not move. */
  readonly #stopped = new Map<string, string>();

  constructor(settings: BatchRunnerOptions<T>) {
    this.#settings = settings;
    this.#limits = new DeadLetterLimits(settings.services.limits);
  }

  async run(topic: T, raw: RawBatch, control: BatchControl): Promise<void> {
    const { maximumRecords } = this.#settings;
    const partition = `${topic}-${raw.partition}`;
    try {
      for (let from = 0; from < raw.messages.length; from += maximumRecords) {
        if (control.draining.aborted) throw streamError('CONSUMER_DRAINING');
        const messages = raw.messages.slice(from, from + maximumRecords);
        // Fetched with those of other partitions.
        await eventLoopTurn();
        await this.#untilDone(partition, control, () => this.#slice(topic, { raw, messages }, control));
        const last = messages.at(-1);
        if (last !== undefined) control.resolve(last.offset);
      }
    } finally {
      // Done, or another member's now.
      this.#moves(partition);
    }
  }

  /** Repeats with back-off while the failure may pass, and says why nothing moves. */
  async #untilDone(partition: string, control: BatchControl, step: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await step();
        this.#moves(partition);
        return;
      } catch (thrown) {
        if (control.draining.aborted || control.lost.aborted) throw thrown;
        this.#standsStill(partition, reasonOf(thrown));
        await waitWhileOwned(control, backOff(attempt));
      }
    }
  }

  #standsStill(partition: string, reason: string): void {
    this.#stopped.set(partition, reason);
    const { groupId } = this.#settings.options;
    this.#settings.services.logger.warn({ groupId, partition, reason }, 'consuming has stopped and will try again');
    this.#settings.onStopped(reason);
  }

  #moves(partition: string): void {
    if (!this.#stopped.delete(partition)) return;
    const { groupId } = this.#settings.options;
    this.#settings.services.logger.info({ groupId, partition }, 'the partition stands still no more');
    this.#settings.onStopped([...this.#stopped.values()].at(-1));
  }

  async #slice(topic: T, { raw, messages }: Slice, control: BatchControl): Promise<void> {
    const { codec, clock } = this.#settings.services;
    const batch = await decodeBatch(codec, topic, { raw, messages, fetchedAt: clock.now() });
    const decoded: readonly DecodedMessage<T>[] = batch.messages;
    const dead: DeadLetter[] = decoded.flatMap((message) =>
      message.ok ? [] : [{ message: message.raw, reject: message.reject, stage: 'decode', attempts: 1 }],
    );
    // Looked at before the handler runs, so that a consumer that understands nothing does nothing.
    this.#refuseTooMany(batch, dead);
    const admitRejects: AdmitRejects<T> = (rejects) => this.#refuseTooMany(batch, [...dead, ...rejects.map(handled)]);
    dead.push(...(await this.#handle(topic, batch, { control, admitRejects })));
    this.#refuseTooMany(batch, dead);
    if (dead.length > 0) await this.#bury(topic, batch, { dead, control });
    this.#limits.record(partitionKey(batch), outcomes(batch, dead));
  }

  #refuseTooMany(batch: DecodedBatch<T>, dead: readonly DeadLetter[]): void {
    if (dead.length === 0) return;
    const reason = this.#limits.refuse(partitionKey(batch), outcomes(batch, dead));
    if (reason === undefined) return;
    const first = dead[0]?.reject;
    throw streamError('DEAD_LETTER_LIMIT', {
      detail: `${reason} (${batch.topic}-${batch.partition}, first: ${first?.code} ${first?.reason})`,
    });
  }

  /** Runs the handler; a failure that will not pass is narrowed down to the records that cause it. */
  async #handle(topic: T, batch: DecodedBatch<T>, hold: Hold<T>): Promise<DeadLetter[]> {
    const { control, admitRejects } = hold;
    let failure: unknown;
    const alone = batch.messages.length === 1;
    for (let attempt = 1; attempt <= (alone ? handlerAttempts : 1); attempt++) {
      if (attempt > 1) await waitWhileOwned(control, handlerPause);
      try {
        const outcome = await this.#settings.options.handleBatch(batch, control, admitRejects);
        return (outcome?.rejects ?? []).map((rejection) => ({ ...handled(rejection), attempts: attempt }));
      } catch (error) {
        if (isRetriable(error) || control.draining.aborted || control.lost.aborted) throw error;
        failure = error;
      }
    }
    if (!alone) {
      const { logger } = this.#settings.services;
      const records = batch.messages.length;
      logger.warn({ topic, records, reason: reasonOf(failure) }, 'a batch failed; looking for the records at fault');
      return this.#halves(topic, batch, hold);
    }
    const [message] = batch.messages;
    if (message === undefined || !message.ok) return [];
    // Where rejects go nowhere, a record our own code fails on would be lost.
    if (!this.#buries(topic)) throw failure;
    const { logger } = this.#settings.services;
    logger.error({ topic, partition: batch.partition, offset: String(message.offset), failure }, 'a record failed');
    const reject: Reject = { code: 'handler-failed', reason: reasonOf(failure) };
    return [{ message: message.raw, reject, stage: 'handle', attempts: handlerAttempts }];
  }

  async #halves(topic: T, batch: DecodedBatch<T>, hold: Hold<T>): Promise<DeadLetter[]> {
    const messages: DecodedMessage<T>[] = [...batch.messages];
    const middle = Math.ceil(messages.length / 2);
    const dead: DeadLetter[] = [];
    for (const half of [messages.slice(0, middle), messages.slice(middle)]) {
      dead.push(...(await this.#handle(topic, toBatch<T>(topic, { ...batch, messages: half }), hold)));
      // A handler that fails on everything is given up before it has seen every record three times.
      this.#refuseTooMany(batch, dead);
    }
    return dead;
  }

  #buries(topic: T): boolean {
    const { rejects: configured } = this.#settings.options;
    const rejects = typeof configured === 'object' ? configured[topic] : configured;
    return rejects === undefined ? topics[topic].deadLetter : rejects === 'dead-letter';
  }

  async #bury(
    topic: T,
    { partition }: DecodedBatch<T>,
    { dead, control }: { dead: DeadLetter[]; control: BatchControl },
  ): Promise<void> {
    const { deadLetters, metrics, logger } = this.#settings.services;
    const first = dead[0];
    if (this.#buries(topic)) {
      const letters = dead.toSorted((a, b) => (a.message.offset < b.message.offset ? -1 : 1));
      await deadLetters.write({ topic, partition }, letters, () => control.fence());
      metrics.increment('tidemill_dead_letters_total', { topic }, dead.length);
    } else {
      metrics.increment('tidemill_records_skipped_total', { topic }, dead.length);
    }
    logger.warn(
      { topic, partition, records: dead.length, offset: String(first?.message.offset), ...first?.reject },
      'records rejected',
    );
  }
}

function handled<T extends TopicName>({ message, reject }: Rejection<T>): DeadLetter {
  return { message: message.raw, reject, stage: 'handle', attempts: 1 };
}

function partitionKey({ topic, partition }: { topic: TopicName; partition: number }): string {
  return `${topic}-${partition}`;
}

/** For each record of the batch in order: is it rejected? A model nobody has made is the sender's fault, never ours. */
function outcomes<T extends TopicName>(batch: DecodedBatch<T>, dead: readonly DeadLetter[]): boolean[] {
  const ours = dead.filter(({ reject }) => reject.code !== 'unknown-model');
  const offsets = new Set(ours.map(({ message }) => message.offset));
  return batch.messages.map(({ offset }) => offsets.has(offset));
}
