import { type DeadLetter, deadLetterRow, fromRow } from '#libs/clickhouse';
import type { TopicName } from '#libs/events';
import type { Stream } from '#libs/stream';
import { usageError } from '../cli-error.ts';
import type { OffsetRange } from './offset-ranges.ts';
import type { AuditedRange } from './prediction-ledger.ts';
import type { PromotedVersion, VersionHistory } from './version-history.ts';

/** Which texts are audited. */
export interface AuditScope {
  /** Record times, epoch milliseconds: not before `from`, before `to`. */
  from?: number | undefined;
  to?: number | undefined;
  partition?: number | undefined;
  fromOffset?: number | undefined;
  toOffset?: number | undefined;
  /** Texts of this model only. */
  model?: string | undefined;
}

export interface TextRanges {
  ranges: OffsetRange[];
  /** What of the scope is not there any more, a sentence each. */
  notes: string[];
  /** The range begins with the topic. */
  whole: boolean;
}

/** The offsets of texts that a scope means now. @throws CliError for a partition that there is not */
export async function textRanges({ admin }: Stream, scope: AuditScope): Promise<TextRanges> {
  const ends = await admin.endOffsets('texts');
  if (scope.partition !== undefined && !ends.some(({ partition }) => partition === scope.partition))
    throw usageError(`topic texts has ${ends.length} partitions, from 0 on, and no partition ${scope.partition}`);
  const begin = scope.from === undefined ? undefined : await admin.offsetsAt('texts', scope.from);
  const end = scope.to === undefined ? undefined : await admin.offsetsAt('texts', scope.to);
  const notes: string[] = [];
  let whole = true;
  const ranges = ends.map(({ partition, low, high }) => {
    // Nothing of it, so that it is not read either.
    if (scope.partition !== undefined && scope.partition !== partition)
      return { partition, from: Number(high), to: Number(high) };
    const wanted = Math.max(scope.fromOffset ?? 0, Number(begin?.get(partition) ?? 0n));
    const from = Math.max(Number(low), wanted);
    const to = Math.min(Number(high), scope.toOffset ?? Infinity, Number(end?.get(partition) ?? high));
    if (low > 0n && wanted <= Number(low))
      notes.push(`texts-${partition} before offset ${low} have expired: they cannot be audited`);
    if (from > Number(low)) whole = false;
    return { partition, from, to: Math.max(from, to) };
  });
  return { ranges, notes, whole };
}

/** Partition of a topic to the offset up to which a group has committed. */
export async function committedOffsets(
  { admin }: Stream,
  group: string,
  topic: TopicName = 'texts',
): Promise<Map<number, number>> {
  const { partitions } = await admin.groupLag(group, topic);
  return new Map(partitions.map(({ partition, committed }) => [partition, Math.max(0, Number(committed))]));
}

/** All there is of a topic now. */
export async function wholeRanges({ admin }: Stream, topic: TopicName): Promise<OffsetRange[]> {
  const ends = await admin.endOffsets(topic);
  return ends.map(({ partition, low, high }) => ({ partition, from: Number(low), to: Number(high) }));
}

/** What there is of predictions now, and how much of it monitoring has stored. */
export async function predictionRanges(
  stream: Stream,
  start: ReadonlyMap<number, bigint> | undefined,
): Promise<(AuditedRange & { low: number })[]> {
  const stored = await committedOffsets(stream, 'monitoring', 'predictions');
  return (await wholeRanges(stream, 'predictions')).map(({ partition, from: low, to }) => {
    const from = Math.max(low, Number(start?.get(partition) ?? 0n));
    return { partition, low, from, to, committed: stored.get(partition) ?? 0 };
  });
}

/** Ranges as readers take them. */
export function bounds(ranges: readonly OffsetRange[]) {
  return {
    from: new Map(ranges.map(({ partition, from }) => [partition, BigInt(from)])),
    until: new Map(ranges.map(({ partition, to }) => [partition, BigInt(to)])),
  };
}

/**
 * Every promotion and trial that topics tell of: the registry's log has all of its own, model-versions the newest of
 * everybody's. Returns the promotions.
 */
export async function toldVersions(stream: Stream, history: VersionHistory): Promise<PromotedVersion[]> {
  const promoted: PromotedVersion[] = [];
  await stream.readToEnd('registry-events', ({ value }) => {
    if (value === null) return;
    const { kind, model, version, epoch, stage, bundleDigest, metrics, at } = value;
    if (version === null) return;
    if (kind === 'challenger-withdrawn' || kind === 'refused' || stage === 'archived')
      history.endTrial({ model, version, at });
    if (bundleDigest === null) return;
    if (kind === 'challenger-set')
      history.addChallenger({ model, version, bundleDigest, share: metrics['share'] ?? 0 });
    if ((kind === 'promoted' || kind === 'rolled-back') && epoch !== null) {
      promoted.push({ model, version, epoch, bundleDigest, at });
      history.endTrial({ model, at });
    }
  });
  await stream.readToEnd('model-versions', ({ value }) => {
    if (value !== null) promoted.push(value);
  });
  return promoted;
}

/** A dead letter and its offset in texts-dlq. */
export interface ToldLetter {
  letter: DeadLetter;
  id: number;
}

/** Every dead letter of texts, as its row is compared. Returns the newest. */
export async function eachLetter(
  stream: Stream,
  onLetter: (told: ToldLetter) => void = () => undefined,
): Promise<ToldLetter | undefined> {
  let newest: ToldLetter | undefined;
  const reader = await stream.deadLetters.follow('texts', async (stored) => {
    newest = { letter: fromRow('dead_letters', deadLetterRow(stored)), id: Number(stored.id) };
    onLetter(newest);
  });
  await reader.close();
  return newest;
}

/** The most instances that have told of a model. */
export async function servingInstances(stream: Stream, model: string | undefined): Promise<number> {
  const instances = new Map<string, Set<string>>();
  await stream.readToEnd('serving-status', ({ value }) => {
    if (value === null || value.model !== (model ?? value.model)) return;
    instances.set(value.model, (instances.get(value.model) ?? new Set()).add(value.instance));
  });
  return Math.max(0, ...[...instances.values()].map(({ size }) => size));
}
