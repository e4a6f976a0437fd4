import type { DriftReport } from '#libs/events';
import type { Finding } from './decision.ts';

/** What the policy needs besides the report. */
export interface DriftSituation {
  /** Epoch that serves now; undefined: none. */
  servingEpoch: number | undefined;
  /** Start of the first of the drifting windows without a stable one between (epoch milliseconds). */
  since: number;
  /** Labels of texts since then that had been given at the end of the window. */
  labels: number;
  minimumLabels: number;
}

/** Drift: the language has moved, and enough of the new one is labelled to learn it. */
export function driftPolicy(report: DriftReport, situation: DriftSituation): Finding {
  const { verdict, epoch, windowStart, windowEnd } = report;
  const { servingEpoch, since, labels, minimumLabels } = situation;
  const evidence = { report: report.id, verdict, windowStart, windowEnd, since, labels, minimumLabels };
  const of = (finding: Partial<Finding>): Finding => ({
    policy: 'drift',
    met: false,
    reason: '',
    evidence,
    ...finding,
  });
  if (verdict !== 'drift') return of({ reason: `the window is ${verdict}` });
  if (epoch !== servingEpoch) return of({ reason: 'the window was answered by a version that serves no longer' });
  const met = { met: true, reason: `drift: ${report.reason}` };
  return labels >= minimumLabels
    ? of(met)
    : of({ ...met, held: `${labels} labels since the drift began, ${minimumLabels} are needed to learn from it` });
}
