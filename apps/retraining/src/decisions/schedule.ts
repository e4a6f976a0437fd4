import { Cron } from 'croner';
import { type Clock, type Logger, reasonOf } from '#libs/platform';
import type { Registry } from '#libs/registry';
import { retrainingError } from '../errors.ts';
import type { RequestQueue } from '../workflow/request-queue.ts';
import { decide, decisionId, type Finding, requestOf } from './decision.ts';
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
    if (this.#cron.nextRun() === null)
      throw retrainingError('SCHEDULE_UNREADABLE', { detail: `${expression} never comes` });
  }

  /** Asks at once, and once, where the schedule would have asked while nothing ran. */
  async start(): Promise<void> {
    const { clock, log } = this.#options;
    const now = clock.now();
    await this.#ask(now, (model) => {
      const last = log.lastScheduled(model);
      const due = last === undefined ? null : (this.#cron?.nextRun(new Date(last)) ?? null);
      return due !== null && due.getTime() <= now;
    });
    this.#cron?.resume();
  }

  close(): void {
    this.#cron?.stop();
  }

  /** `at`: epoch milliseconds; the same minute is decided once, whichever instance comes first. */
  fire(at: number): Promise<void> {
    return this.#ask(at, () => true);
  }

  async #ask(at: number, due: (model: string) => boolean): Promise<void> {
    const { expression, registry, queue, log } = this.#options;
    const minute = new Date(at).toISOString().slice(0, 16);
    await queue.caughtUp();
    for (const { model, serving } of registry.models()) {
      const occasion = { model, evidenceId: minute, occurredAt: at, decidedAt: at };
      const id = decisionId('schedule', occasion);
      if (serving === null || log.has(id) || !due(model)) continue;
      const reason = `the schedule ${expression} (UTC) asks for it`;
      const finding: Finding = { policy: 'schedule', met: true, reason, evidence: { expression, minute } };
      const pending = queue.pending(model, id);
      const decision = decide(finding, occasion, { pending, lastRetraining: undefined, coolDown: 0 });
      const { requestId } = decision;
      // All labels that have arrived: the schedule knows the clock, not event time.
      await log.write(decision, requestId === null ? undefined : { ...requestOf(decision, requestId), labelCutOff: 0 });
    }
  }
}
