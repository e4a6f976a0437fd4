import { z } from 'zod';
import type { ClickHouse } from '#libs/clickhouse';
import { type PerformanceReport, type TriggerDecision, versionName } from '#libs/events';
import { SequentialComparison } from '#libs/evaluation';
import { classify, hostModel } from '#libs/model';
import type { Configuration } from '#libs/platform';
import type { ArtifactStore, RegisteredModel } from '#libs/registry';
import type { Finding } from './decision.ts';
import { labelledAnswers } from './label.queries.ts';

export interface RollbackWatchOptions {
  clickhouse: ClickHouse;
  store: ArtifactStore;
  config: Configuration;
}

export interface RollbackFinding extends Finding {
  /** The version has shown what it can do: there is no need to look again. */
  over: boolean;
}

/**
 * Compares a promoted version with the one before it on the labels that came since: the old one answers the same texts
 * in a host of its own. Undefined when there is nothing to be watched: no promotion with a version before it.
 */
export async function rollbackFinding(
  { clickhouse, store, config }: RollbackWatchOptions,
  model: RegisteredModel,
  report: PerformanceReport,
): Promise<RollbackFinding | undefined> {
  const { enabled, significance, minimumLabels, watchedLabels } = config.retraining.rollback;
  const promoted = model.history.at(-1);
  const before = model.history.at(-2);
  if (!enabled || promoted?.action !== 'promote' || before === undefined) return undefined;
  if (report.epoch !== promoted.epoch) return undefined;
  const old = await store.bundle(before.digest);
  if (old === undefined) return undefined;
  const span = { model: model.model, epoch: promoted.epoch, until: report.windowEnd, limit: watchedLabels };
  const answers = await labelledAnswers(clickhouse, span);
  const { executionProviders, threads } = config.inference;
  const texts = answers.map(({ text }) => text);
  const others = texts.length === 0 ? [] : await classify(hostModel(old), texts, { executionProviders, threads });
  const comparison = new SequentialComparison({ errorRate: significance, minimumLabels });
  for (const [i, { predicted, actual }] of answers.entries())
    comparison.update({ oldRight: others[i]?.label === actual, newRight: predicted === actual });
  const { worse, labels, onlyOldRight, onlyNewRight, accuracyFall, pValue } = comparison.get();
  const names = [versionName(model.model, promoted.version), versionName(model.model, before.version)];
  const figures = `on ${labels} labels since its promotion ${names[0]} alone was right ${onlyNewRight} times, ${names[1]} alone ${onlyOldRight} times`;
  return {
    policy: 'rollback',
    over: worse || labels >= watchedLabels,
    met: worse,
    reason: worse ? `${figures}: clearly worse` : `${figures}: not clearly worse`,
    evidence: {
      epoch: promoted.epoch,
      labels,
      onlyOldRight,
      onlyNewRight,
      accuracyFall,
      pValue,
      significance,
      minimumLabels,
    },
  };
}

const watched = z.object({ epoch: z.number() });

/** The serving epoch that a decision of this policy is about. */
export function watchedEpoch({ evidence }: TriggerDecision): number {
  return watched.parse(JSON.parse(evidence)).epoch;
}
