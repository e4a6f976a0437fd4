import { instant } from './format.ts';
import type { Model, RegistryEvent, Run, Swap } from './wire.ts';

/** One line of the registry's audit: who did what, when and why. */
export interface AuditEntry {
  /** The same whether it was told by an event or read from a list. */
  key: string;
  /** Epoch milliseconds. */
  at: number;
  kind: string;
  version: number | null;
  requestId: string | null;
  epoch: number | null;
  by: string;
  reason: string;
}

/** What the lists say happened before this page was opened. */
export function auditOfLists(model: Model | undefined, runs: readonly Run[], swaps: readonly Swap[]): AuditEntry[] {
  const entries: AuditEntry[] = [];
  const registeredAt = new Map((model?.versions ?? []).map(({ version, createdAt }) => [version, instant(createdAt)]));
  for (const { version, createdAt, createdBy = '', reason = '' } of model?.versions ?? []) {
    const kind = 'version-registered';
    entries.push({
      ...nothing,
      key: `${kind}:${version}`,
      at: instant(createdAt),
      kind,
      version,
      by: createdBy,
      reason,
    });
  }
  for (const { version, epoch, action = 'promote', promotedAt, promotedBy = '', reason = '' } of swaps) {
    const kind = action === 'rollback' ? 'rolled-back' : 'promoted';
    entries.push({
      ...nothing,
      key: `serving:${epoch}`,
      at: instant(promotedAt),
      kind,
      version,
      epoch,
      by: promotedBy,
      reason,
    });
  }
  for (const { runId, status, version, startedAt, finishedAt, by, reason } of runs) {
    entries.push({ ...nothing, key: `run-started:${runId}`, at: instant(startedAt), kind: 'run-started', by });
    if (finishedAt === null || status === 'finished') continue;
    const kind = status === 'refused' ? 'refused' : 'run-failed';
    // A version is registered when its run has finished, and refused after that.
    const at = Math.max(instant(finishedAt), (registeredAt.get(version ?? 0) ?? 0) + 1);
    entries.push({ ...nothing, key: `${kind}:${runId}`, at, kind, version, by, reason });
  }
  return entries;
}

const nothing = { version: null, requestId: null, epoch: null, reason: '' };

export function auditOfEvent(event: RegistryEvent): AuditEntry {
  const { at, kind, version, requestId, epoch, by, reason } = event;
  return { key: keyOf(event), at: instant(at), kind, version, requestId, epoch, by, reason };
}

function keyOf({ id, kind, version, runId, epoch }: RegistryEvent): string {
  if (kind === 'version-registered') return `${kind}:${version}`;
  if (kind === 'promoted' || kind === 'rolled-back') return `serving:${epoch}`;
  return runId === null ? id : `${kind}:${runId}`;
}
