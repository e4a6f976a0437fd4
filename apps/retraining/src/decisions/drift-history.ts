import type { DriftReport } from '#libs/events';

/** The newest statement about every window, by model. */
export class DriftHistory {
  readonly #reports = new Map<string, Map<number, DriftReport>>();

  note(report: DriftReport): void {
    const windows = this.#reports.get(report.model) ?? new Map<number, DriftReport>();
    windows.set(report.windowStart, report);
    this.#reports.set(report.model, windows);
  }

  /** The last window of a model that had ended by then (epoch milliseconds). */
  last(model: string, until: number): DriftReport | undefined {
    const ended = [...(this.#reports.get(model)?.values() ?? [])].filter(({ windowEnd }) => windowEnd <= until);
    return ended.toSorted((a, b) => a.windowStart - b.windowStart).at(-1);
  }

  /**
   * When the drift of a window began (epoch milliseconds): the start of the first of the windows of its epoch up to it
   * that no stable window separates from it.
   */
  since({ model, epoch, windowStart }: DriftReport): number {
    const before = [...(this.#reports.get(model)?.values() ?? [])]
      .filter((report) => report.epoch === epoch && report.windowStart < windowStart)
      .toSorted((a, b) => b.windowStart - a.windowStart);
    let since = windowStart;
    for (const { verdict, windowStart: start } of before) {
      if (verdict !== 'drift' && verdict !== 'warning') break;
      since = start;
    }
    return since;
  }
}
