import type { RetrainingRequest, TriggerDecision } from '#libs/events';

export type Policy = 'schedule' | 'accuracy' | 'new-labels' | 'drift' | 'manual' | 'rollback' | 'canary';

/** What a policy makes of the evidence, before anything that may hold it back. */
export interface Finding {
  policy: Policy;
  met: boolean;
  /** Met, but it cannot be acted on yet. */
  held?: string;
  /** Why, in a sentence. */
  reason: string;
  /** The figures looked at. */
  evidence: Record<string, unknown>;
}

/** What a finding is about: one piece of evidence, looked at once. */
export interface Occasion {
  model: string;
  /** Names the evidence; the same evidence gives the same decision id. */
  evidenceId: string;
  /** Event time of the evidence, epoch milliseconds. */
  occurredAt: number;
  /** Epoch milliseconds. */
  decidedAt: number;
}

/** What may hold back a policy whose condition is met. */
export interface Hold {
  /** Another request of the model waits or is being worked on. */
  pending: boolean;
  /** Event time of the last retraining of the model; undefined: none. */
  lastRetraining: number | undefined;
  /** Milliseconds of event time. */
  coolDown: number;
}

/** The same for the same evidence; the request that a decision makes has it too. */
export function decisionId(policy: Policy, { model, evidenceId }: Pick<Occasion, 'model' | 'evidenceId'>): string {
  return `${model}:${policy}:${evidenceId}`;
}

/** The decision: fired, held or not met, with its reason. */
export function decide(finding: Finding, occasion: Occasion, hold: Hold): TriggerDecision {
  const { policy, met, reason } = finding;
  const held = met ? (finding.held ?? whyHeld(hold, occasion)) : undefined;
  const outcome = !met ? 'not-met' : held === undefined ? 'fired' : 'held';
  const id = decisionId(policy, occasion);
  return {
    id,
    model: occasion.model,
    policy,
    outcome,
    reason: held === undefined ? reason : `${reason}; held: ${held}`,
    evidence: JSON.stringify(finding.evidence),
    occurredAt: occasion.occurredAt,
    decidedAt: occasion.decidedAt,
    requestId: outcome === 'fired' && policy !== 'rollback' && policy !== 'canary' ? id : null,
  };
}

function whyHeld({ pending, lastRetraining, coolDown }: Hold, { occurredAt }: Occasion): string | undefined {
  if (pending) return 'a retraining is already under way';
  if (lastRetraining === undefined || occurredAt - lastRetraining >= coolDown) return undefined;
  const minutes = Math.round((lastRetraining + coolDown - occurredAt) / 60_000);
  return `cooling down for another ${minutes} min of event time`;
}

/** The request that a fired decision makes; labels after its evidence are left out, so that a replay trains the same. */
export function requestOf(decision: TriggerDecision, requestId: string): RetrainingRequest {
  const { model, policy, reason, evidence, occurredAt, decidedAt } = decision;
  return {
    id: requestId,
    model,
    reason,
    policy,
    evidence,
    requestedBy: `policy ${policy}`,
    requestedAt: decidedAt,
    labelCutOff: occurredAt,
    dataset: null,
    encoder: null,
  };
}
