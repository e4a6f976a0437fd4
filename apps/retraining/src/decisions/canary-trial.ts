import { z } from 'zod';
import { type ClickHouse, pairedAnswers } from '#libs/clickhouse';
import { type TriggerDecision, versionName } from '#libs/events';
import { canaryTrial } from '#libs/evaluation';
import type { Configuration } from '#libs/platform';
import type { Challenger, RegisteredModel } from '#libs/registry';
import type { Finding } from './decision.ts';

const meaning = {
  better: 'clearly better',
  worse: 'clearly worse',
  'no-difference': 'no clear difference after the most labels it is given, so the version that is known goes on',
  undecided: 'neither clearly better nor clearly worse',
} as const;

/**
 * Compares the canary of a model with its champion on the labels that came since it answers: on texts of both, because
 * each scores what the other has answered. Undefined: there is no canary.
 * @param until labels given later do not count, epoch milliseconds
 */
export async function canaryFinding(
  { clickhouse, config }: { clickhouse: ClickHouse; config: Configuration },
  { model, serving, challengers }: RegisteredModel,
  until: number,
): Promise<Finding | undefined> {
  const { enabled, significance, minimumLabels, maximumLabels } = config.retraining.canary;
  const canary = challengers.find(({ role }) => role === 'canary');
  if (!enabled || canary === undefined || serving === null) return undefined;
  const { epoch, version: champion } = serving;
  const { version, since } = canary;
  const answers = await pairedAnswers(clickhouse, { model, epoch, champion, challenger: version, since, until });
  const { labels, onlyChampionRight, onlyChallengerRight: onlyCanaryRight } = answers;
  const counts = { labels, onlyChampionRight, onlyCanaryRight };
  const trial = canaryTrial(counts, { errorRate: significance, minimumLabels, maximumLabels });
  const names = [versionName(model, version), versionName(model, champion)];
  const figures = `on ${labels} labels of texts that both answered ${names[0]} alone was right ${onlyCanaryRight} times, ${names[1]} alone ${onlyChampionRight} times`;
  return {
    policy: 'canary',
    met: trial.verdict !== 'undecided',
    reason: `${figures}: ${meaning[trial.verdict]}`,
    evidence: { epoch, version, since, ...counts, ...trial, significance, minimumLabels, maximumLabels },
  };
}

const concluded = z.object({
  epoch: z.number(),
  version: z.number(),
  since: z.number(),
  verdict: z.enum(['better', 'worse', 'no-difference']),
});

/** The canary that a decision is about and what becomes of it; undefined: people have decided otherwise since. */
export function canaryConclusion(
  { serving, challengers }: RegisteredModel,
  { evidence }: TriggerDecision,
): { canary: Challenger; promote: boolean } | undefined {
  const { epoch, version, since, verdict } = concluded.parse(JSON.parse(evidence));
  const canary = challengers.find((one) => one.role === 'canary' && one.version === version && one.since === since);
  if (canary === undefined || serving?.epoch !== epoch) return undefined;
  return { canary, promote: verdict === 'better' };
}
