import { instant, percent } from './format.ts';
import type { Decision, DriftReport, Interval, PerformanceReport, RegistryEvent } from './wire.ts';

/** An event-time window with all that has been stated about it. */
export interface TimeWindow {
  key: string;
  /** Epoch milliseconds, inclusive. */
  start: number;
  /** Exclusive. */
  end: number;
  version: number;
  epoch: number;
  verdict: string;
  texts: number;
  labelled: number;
  /** null while no text of the window is labelled. */
  accuracy: Interval | null;
  expected: number;
  drift: DriftReport | undefined;
}

export type MarkKind = 'drift' | 'retraining' | 'swap' | 'rollback' | 'refused';

/** Something that happened, placed on the axis of event time. */
export interface Mark {
  at: number;
  kind: MarkKind;
  text: string;
  detail: string;
}

/** Drift and performance reports of the same window joined, oldest first. */
export function windowsOf(drift: readonly DriftReport[], performance: readonly PerformanceReport[]): TimeWindow[] {
  const windows = new Map<string, TimeWindow>();
  for (const report of drift) {
    const window = emptyWindow(report);
    windows.set(window.key, { ...window, verdict: report.verdict, drift: report });
  }
  for (const report of performance) {
    const empty = emptyWindow(report);
    windows.set(empty.key, {
      ...(windows.get(empty.key) ?? empty),
      labelled: report.labelled,
      accuracy: report.labelled > 0 ? report.accuracy : null,
    });
  }
  return [...windows.values()].sort((a, b) => a.start - b.start || a.end - b.end);
}

function emptyWindow(report: DriftReport | PerformanceReport): TimeWindow {
  const { windowStart, windowEnd, version, epoch, texts, expectedAccuracy: expected } = report;
  const start = instant(windowStart);
  const end = instant(windowEnd);
  const key = `${start}:${end}`;
  return {
    key,
    start,
    end,
    version,
    epoch,
    texts,
    expected,
    verdict: 'collecting',
    labelled: 0,
    accuracy: null,
    drift: undefined,
  };
}

/**
 * What happened, on the axis of event time. A swap stands where answers of the new epoch begin; decisions stand at the
 * event time of their evidence, refusals at that of the request they answer. What lies outside the windows is left out.
 */
export function marksOf(
  windows: readonly TimeWindow[],
  fired: readonly Decision[],
  audit: readonly Pick<RegistryEvent, 'kind' | 'version' | 'requestId' | 'reason' | 'epoch'>[],
): Mark[] {
  const [first] = windows;
  const last = windows.at(-1);
  if (first === undefined || last === undefined) return [];
  const marks: Mark[] = fired.map(({ occurredAt, policy, reason }) => ({
    at: instant(occurredAt),
    kind: 'retraining',
    text: `retraining (${policy})`,
    detail: reason,
  }));
  for (const event of audit) {
    if (event.kind !== 'refused') continue;
    const asked = fired.find(({ requestId }) => requestId !== null && requestId === event.requestId);
    if (asked === undefined) continue;
    const text = event.version === null ? 'refused' : `v${event.version} refused`;
    marks.push({ at: instant(asked.occurredAt), kind: 'refused', text, detail: event.reason });
  }
  for (const [index, window] of windows.entries()) {
    const before = windows[index - 1];
    if (window.verdict === 'drift' && before?.verdict !== 'drift') {
      const detail = window.drift?.reason ?? '';
      marks.push({ at: (window.start + window.end) / 2, kind: 'drift', text: 'drift', detail });
    }
    if (before === undefined || window.epoch <= before.epoch) continue;
    const promoted = audit.find(({ epoch, kind }) => epoch === window.epoch && kind !== 'stage-changed');
    const kind = promoted?.kind === 'rolled-back' ? 'rollback' : 'swap';
    marks.push({
      at: window.start,
      kind,
      text: `v${before.version} → v${window.version}`,
      detail: promoted?.reason ?? `version ${window.version} answers from here`,
    });
  }
  return marks.filter(({ at }) => at >= first.start && at <= last.end).sort((a, b) => a.at - b.at);
}

/** The window with that key; without one the newest that is not stable, else the newest. */
export function chosenWindow(windows: readonly TimeWindow[], key: string | undefined): TimeWindow | undefined {
  return (
    windows.find((window) => window.key === key) ??
    windows.findLast(({ verdict }) => verdict === 'drift' || verdict === 'warning') ??
    windows.at(-1)
  );
}

/** All that is known of a window in one sentence, for those who do not see the chart. */
export function windowSentence(name: string, { verdict, accuracy, expected, version, labelled }: TimeWindow): string {
  const observed =
    accuracy === null
      ? 'no labels yet'
      : `accuracy ${percent(accuracy.value)}, interval ${percent(accuracy.lower)} to ${percent(accuracy.upper)}, on ${labelled} labelled texts`;
  return `${name}: ${verdict}, version ${version}, ${observed}, expected ${percent(expected)}`;
}
