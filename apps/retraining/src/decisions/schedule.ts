import { Cron } from 'croner';
import { type Clock, type Logger, reasonOf } from '#libs/platform';
import type { Registry } from '#libs/registry';
import { retrainingError } from '../errors.ts';
import type { RequestQueue } from '../workflow/request-queue.ts';
import { decide, type Finding, requestOf } from './decision.ts';
import type { DecisionLog } from './decision-log.ts';

export interface ScheduleOptions {
  /** Cron expression, UTC; empty: no schedule. */
  expression: string;
  registry: Registry;
  queue: RequestQueue;
  log: DecisionLog;
  clock: Clock;
  logger: Logger;
}

/** Asks for a retraining of every serving model whenever the clock says so. */
export class Schedule {
  readonly #options: ScheduleOptions;
  readonly #cron: Cron | undefined;

  /** @throws TidemillError SCHEDULE_UNREADABLE */
  constructor(options: ScheduleOptions) {
    this.#options = options;
    const { expression, clock, logger } = options;
    if (expression === '') return;
    const onError = (error: unknown) => logger.error({ reason: reasonOf(error) }, 'the schedule could not be followed');
    const settings = { timezone: 'UTC', protect: true, paused: true, catch: onError };
    try {
      this.#cron = new Cron(expression, settings, () => this.fire(clock.now()));
    } catch (cause) {
      throw retrainingError('SCHEDULE_UNREADABLE', { detail: reasonOf(cause), cause });
    }
  }

  start(): void {
    this.#cron?.resume();
  }

  close(): void {
    this.#cron?.stop();
  }

  /** `at`: epoch milliseconds; the same minute is decided once, whichever instance comes first. */
  async fire(at: number): Promise<void> {
    const { expression, registry, queue, log } = this.#options;
    const minute = new Date(at).toISOString().slice(0, 16);
    for (const { model, serving } of registry.models()) {
      const occasion = { model, evidenceId: minute, occurredAt: at, decidedAt: at };
      if (serving === null || log.has(`${model}:schedule:${minute}`)) continue;
      const reason = `the schedule ${expression} (UTC) asks for it`;
      const finding: Finding = { policy: 'schedule', met: true, reason, evidence: { expression, minute } };
      const pending = queue.pending(model);
      const decision = decide(finding, occasion, { pending, lastRetraining: undefined, coolDown: 0 });
      const { requestId } = decision;
      // All labels that have arrived: the schedule knows the clock, not event time.
      await log.write(decision, requestId === null ? undefined : { ...requestOf(decision, requestId), labelCutOff: 0 });
    }
  }
}
