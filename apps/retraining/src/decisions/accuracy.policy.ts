import type { PerformanceReport } from '#libs/events';
import type { Finding } from './decision.ts';

/** Accuracy: the last labelled texts of the serving version were answered right too seldom. */
export function accuracyPolicy(
  report: PerformanceReport,
  { servingEpoch, below, minimumLabels }: { servingEpoch: number | undefined; below: number; minimumLabels: number },
): Finding {
  const { accuracy, labelled, epoch } = report;
  const evidence = { report: report.id, accuracy, labelled, below, minimumLabels };
  const of = (met: boolean, reason: string): Finding => ({ policy: 'accuracy', met, reason, evidence });
  if (epoch !== servingEpoch) return of(false, 'the labelled texts were answered by a version that serves no longer');
  if (labelled < minimumLabels) return of(false, `${labelled} labelled texts, ${minimumLabels} are needed`);
  const figure = `accuracy ${percent(accuracy.value)} over the last ${labelled} labelled texts`;
  return accuracy.value < below
    ? of(true, `${figure}, below ${percent(below)}`)
    : of(false, `${figure}, not below ${percent(below)}`);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
