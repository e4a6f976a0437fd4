import type { RetrainingRequest, TriggerDecision } from '#libs/events';
import type { LogReader, Stream, StreamProducer } from '#libs/stream';
import { type Policy, requestOf } from './decision.ts';

const policiesOnEvents = new Set<string>(['drift', 'accuracy', 'new-labels'] satisfies Policy[]);

/**
 * Every decision, once: what topic trigger-decisions already has is known and not decided again when a report is
 * delivered twice.
 */
export class DecisionLog {
  readonly #stream: Stream;
  readonly #producer: StreamProducer;
  readonly #known = new Set<string>();
  /** By model, event time of the last decision of a policy on events that led to a retraining. */
  readonly #lastFired = new Map<string, number>();
  /** By model, epoch milliseconds of the last decision of the schedule. */
  readonly #lastScheduled = new Map<string, number>();
  /** By model, the last decision about drift. */
  readonly #lastDrift = new Map<string, TriggerDecision>();
  /** By model, the last decision to roll back. */
  readonly #lastRollback = new Map<string, TriggerDecision>();
  /** By model, the last decision that ended the trial of a canary. */
  readonly #lastCanary = new Map<string, TriggerDecision>();
  #reader: LogReader | undefined;

  constructor(stream: Stream) {
    this.#stream = stream;
    this.#producer = stream.producer();
  }

  async start(): Promise<void> {
    this.#reader = await this.#stream.readToEnd(
      'trigger-decisions',
      ({ value }) => void (value !== null && this.#note(value)),
      { follow: true },
    );
  }

  has(id: string): boolean {
    return this.#known.has(id);
  }

  lastFired(model: string): number | undefined {
    return this.#lastFired.get(model);
  }

  /** The last decision about the drift of a model, if that was held; undefined otherwise. */
  heldDrift(model: string): TriggerDecision | undefined {
    const last = this.#lastDrift.get(model);
    return last?.outcome === 'held' ? last : undefined;
  }

  lastScheduled(model: string): number | undefined {
    return this.#lastScheduled.get(model);
  }

  lastCanary(model: string): TriggerDecision | undefined {
    return this.#lastCanary.get(model);
  }

  lastRollback(model: string): TriggerDecision | undefined {
    return this.#lastRollback.get(model);
  }

  /** The request first: a crash in between repeats it under the same id, and none is ever lost. */
  async write(decision: TriggerDecision, request?: RetrainingRequest): Promise<void> {
    const { model, requestId } = decision;
    const emitted = request ?? (requestId === null ? undefined : requestOf(decision, requestId));
    if (emitted !== undefined) await this.#producer.send('retraining-requests', [{ key: model, value: emitted }]);
    await this.#producer.send('trigger-decisions', [{ key: model, value: decision }]);
    this.#note(decision);
  }

  async close(): Promise<void> {
    await this.#reader?.close();
    await this.#producer.close();
  }

  #note(decision: TriggerDecision): void {
    const { id, model, outcome, policy, occurredAt } = decision;
    // Own decisions come back, and any may be in the topic twice: only its first time is it the newest.
    if (this.#known.has(id)) return;
    this.#known.add(id);
    if (policy === 'schedule') this.#lastScheduled.set(model, occurredAt);
    if (policy === 'drift') this.#lastDrift.set(model, decision);
    if (policy === 'rollback' && outcome === 'fired') this.#lastRollback.set(model, decision);
    if (policy === 'canary' && outcome === 'fired') this.#lastCanary.set(model, decision);
    // People and the schedule go by the clock, which says nothing about event time.
    if (outcome !== 'fired' || !policiesOnEvents.has(policy)) return;
    this.#lastFired.set(model, Math.max(occurredAt, this.#lastFired.get(model) ?? occurredAt));
  }
}
