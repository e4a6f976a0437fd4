import { isDeepStrictEqual } from 'node:util';
import { type ClickHouse, fromRow, type TableRow } from '#libs/clickhouse';
import type { DriftReport, PerformanceReport } from '#libs/events';
import type { TimeWindow } from './window-plan.ts';

/** The newest statement made about each window of a model, in order of event time. */
export class ClosedWindows {
  readonly #drift = new Map<number, DriftReport>();
  readonly #performance = new Map<string, PerformanceReport>();
  #last: DriftReport | undefined;

  /** Takes up what has been said so far, so that a restarted monitor goes on where it was. */
  static async load(clickhouse: ClickHouse, model: string): Promise<ClosedWindows> {
    const closed = new ClosedWindows();
    const params = { model };
    for (const row of await clickhouse.query<TableRow>(
      'SELECT * FROM drift_reports FINAL WHERE model = {model:String} ORDER BY window_start',
      params,
    )) {
      closed.noteDrift(fromRow('drift_reports', row));
    }
    for (const row of await clickhouse.query<TableRow>(
      'SELECT * FROM performance_reports FINAL WHERE model = {model:String} ORDER BY window_end',
      params,
    )) {
      closed.notePerformance(fromRow('performance_reports', row));
    }
    return closed;
  }

  noteDrift(report: DriftReport): void {
    this.#drift.set(report.windowStart, report);
    if (report.windowStart >= (this.#last?.windowStart ?? Number.NEGATIVE_INFINITY)) this.#last = report;
  }

  notePerformance(report: PerformanceReport): void {
    this.#performance.set(report.id, report);
  }

  /** All drift statements, oldest window first. */
  get reports(): DriftReport[] {
    return [...this.#drift.values()].toSorted((a, b) => a.windowStart - b.windowStart);
  }

  get last(): DriftReport | undefined {
    return this.#last;
  }

  performance(id: string): PerformanceReport | undefined {
    return this.#performance.get(id);
  }

  /** The newest statement about the last labelled texts. */
  get lastRolling(): PerformanceReport | undefined {
    return [...this.#performance.values()]
      .filter(({ scope }) => scope === 'rolling')
      .toSorted((a, b) => a.createdAt - b.createdAt)
      .at(-1);
  }

  /** Closed windows that overlap the span of event time [from, to]. */
  overlapping({ from, to }: { from: number; to: number }): DriftReport[] {
    return this.reports.filter(({ windowStart, windowEnd }) => windowStart <= to && windowEnd > from);
  }

  /** The windows that make up the frozen reference of `epoch`, and whether they hold enough texts. */
  reference(epoch: number, texts: number): { span: TimeWindow; complete: boolean } | undefined {
    const collecting = this.reports.filter((report) => report.epoch === epoch && report.verdict === 'collecting');
    const [first] = collecting;
    const last = collecting.at(-1);
    if (first === undefined || last === undefined) return undefined;
    const collected = collecting.reduce((sum, report) => sum + report.texts, 0);
    return { span: { start: first.windowStart, end: last.windowEnd }, complete: collected >= texts };
  }
}

/** True when two statements say the same of the same window; one of them may come from the tables. */
export function sameStatement<T extends { revision: number; createdAt: number }>(a: T, b: T): boolean {
  // As JSON, where -0 is 0, and without regard to the order of fields.
  const content = ({ revision: _revision, createdAt: _createdAt, ...rest }: T): unknown =>
    JSON.parse(JSON.stringify(rest));
  return isDeepStrictEqual(content(a), content(b));
}
