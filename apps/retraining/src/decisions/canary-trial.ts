import { z } from 'zod';
import { type ClickHouse, pairedAnswers } from '#libs/clickhouse';
import { type PerformanceReport, type TriggerDecision, versionName } from '#libs/events';
import { canaryTrial, type PairedCounts } from '#libs/evaluation';
import { type Configuration, milliseconds } from '#libs/platform';
import type { Challenger, RegisteredModel } from '#libs/registry';
import { answeredSince } from './answer.queries.ts';
import type { Finding } from './decision.ts';

const meaning = {
  better: 'clearly better',
  worse: 'clearly worse',
  'no-difference': 'no clear difference after the most labels it is given, so the version that is known goes on',
  undecided: 'neither clearly better nor clearly worse',
} as const;

/** Texts that a champion must have answered meanwhile before a canary is called silent. */
const enoughTexts = 100;

/**
 * Compares the canary of a model with its champion on the labels that came since it answers: on texts of both, because
 * each scores what the other has answered. Labels given after the report's window do not count. One that answers nothing
 * any more, because every instance has given it up, say, would never come to an end by labels: its trial is over. Undefined:
 * there was no canary when the report was made.
 */
export async function canaryFinding(
  { clickhouse, config }: { clickhouse: ClickHouse; config: Configuration },
  { model, serving, challengers }: RegisteredModel,
  { windowEnd: until, createdAt }: PerformanceReport,
): Promise<Finding | undefined> {
  const { enabled, significance, minimumLabels, maximumLabels, silence } = config.retraining.canary;
  const canary = challengers.find(({ role }) => role === 'canary');
  if (!enabled || canary === undefined || serving === null) return undefined;
  const { epoch, version: champion } = serving;
  const { version, since } = canary;
  if (createdAt < since) return undefined;
  const names = { champion: versionName(model, champion), canary: versionName(model, version) };
  const listening = createdAt - milliseconds(silence);
  if (since <= listening) {
    const answered = await answeredSince(clickhouse, { model, epoch, champion, canary: version, since: listening });
    if (answered.byCanary === 0 && answered.byChampion >= enoughTexts)
      return {
        policy: 'canary',
        met: true,
        reason: `${names.canary} has answered none of the ${answered.byChampion} texts of the last ${silence}: it does not run anywhere`,
        evidence: { epoch, version, since, verdict: 'silent', ...answered, silence },
      };
  }
  const answers = await pairedAnswers(clickhouse, { model, epoch, champion, challenger: version, since, until });
  const { labels, shownByChampion, shownByChallenger } = answers;
  const counts = { labels, shownByChampion, shownByChallenger };
  const trial = canaryTrial(counts, { errorRate: significance, minimumLabels, maximumLabels });
  return {
    policy: 'canary',
    met: trial.verdict !== 'undecided',
    reason: `${figures(counts, names)}: ${meaning[trial.verdict]}${caution(counts)}`,
    evidence: { epoch, version, since, ...counts, ...trial, significance, minimumLabels, maximumLabels },
  };
}

function figures(
  { labels, shownByChampion, shownByChallenger }: PairedCounts,
  { champion, canary }: { champion: string; canary: string },
): string {
  const { onlyChallengerRight, onlyChampionRight } = shownByChampion;
  const where = [
    `${canary} alone was right ${onlyChallengerRight} times and ${champion} alone ${onlyChampionRight} times where ${champion} was shown`,
    `${shownByChallenger.onlyChallengerRight} and ${shownByChallenger.onlyChampionRight} times where ${canary} was`,
  ];
  return `of ${labels} labels of texts that both answered, ${where.join(', ')}`;
}

/** Where people label nothing but errors, a trial comes to no end by itself: they are to be told. */
function caution({ shownByChampion, shownByChallenger }: PairedCounts): string {
  const wrong = shownByChampion.onlyChallengerRight + shownByChallenger.onlyChampionRight;
  const right = shownByChampion.onlyChampionRight + shownByChallenger.onlyChallengerRight;
  return wrong === 0 || right > 0
    ? ''
    : '; only wrong answers have been labelled, which says nothing of either version';
}

const concluded = z.object({
  epoch: z.number(),
  version: z.number(),
  since: z.number(),
  verdict: z.enum(['better', 'worse', 'no-difference', 'silent']),
});

/** The canary that a decision is about and what becomes of it; undefined: people have decided otherwise since. */
export function canaryConclusion(
  { serving, challengers }: RegisteredModel,
  { evidence }: TriggerDecision,
): { canary: Challenger; promote: boolean; ifEpoch: number } | undefined {
  const { epoch, version, since, verdict } = concluded.parse(JSON.parse(evidence));
  const canary = challengers.find((one) => one.role === 'canary' && one.version === version && one.since === since);
  if (canary === undefined || serving?.epoch !== epoch) return undefined;
  return { canary, promote: verdict === 'better', ifEpoch: epoch };
}
