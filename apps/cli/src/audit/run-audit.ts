import { setTimeout as delay } from 'node:timers/promises';
import { fromRow, toRow } from '#libs/clickhouse';
import type { Stream } from '#libs/stream';
import { usageError } from '../cli-error.ts';
import type { AuditReport, Finding } from './audit-report.ts';
import {
  eachLetterRow,
  eachPredictionRow,
  eachTextRow,
  letterStored,
  replacedTexts,
  type SelectRows,
  storedVersions,
  withDigest,
} from './audited-tables.ts';
import {
  type AuditScope,
  bounds,
  committedOffsets,
  eachLetter,
  predictionRanges,
  servingInstances,
  type ToldLetter,
  toldVersions,
  type TextRanges,
  textRanges,
  wholeRanges,
} from './audited-topics.ts';
import type { OffsetRange } from './offset-ranges.ts';
import { Reconciliation } from './reconciliation.ts';
import { VersionHistory } from './version-history.ts';

export interface AuditOptions {
  scope: AuditScope;
  /** undefined: without the tables. */
  select: SelectRows | undefined;
  /** Longest a version may answer after the next was promoted, in milliseconds. */
  maximumStaleness: number;
  /** Longest wait for what is in flight, in milliseconds. */
  wait: number;
  onFinding: (finding: Finding) => void;
  onProgress: (message: string) => void;
}

export interface Audit {
  report: AuditReport;
  ranges: OffsetRange[];
  notes: string[];
  /** What was still in flight when the wait was over, as a sentence; undefined: nothing, or nobody waited. */
  unsettled: string | undefined;
}

/** Most texts in one audit: more than a gigabyte of what is known of each. */
const maximumTexts = 15_000_000;
/** Clocks of producers may differ by this; predictions are looked for from this long before the first text on. */
const clockSkew = 600_000;
const pollInterval = 250;
/** Findings of a first attempt that are kept until it is known to have read enough. */
const mostKept = 100_000;

/**
 * Reads a range of texts and what became of it, and reconciles them.
 *
 *   1 offsets    which texts; how far inference and monitoring have committed: what is after is in flight
 *   2 versions   of the registry's log, model-versions and its table
 *   3 answers    predictions, then their rows; rows of dead letters, then dead letters
 *   4 texts      their rows, then themselves: each is held against what is known of it
 *
 * Commits are read before what they cover, so that nothing that moves meanwhile is taken for lost.
 * @throws RangeError for too many texts
 * @throws CliError for a partition or a model that there is not
 */
export async function runAudit(stream: Stream, options: AuditOptions): Promise<Audit> {
  const texts = await textRanges(stream, options.scope);
  const size = texts.ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  if (size > maximumTexts)
    throw new RangeError(
      `${size} texts are more than an audit holds (${maximumTexts}): take a part, by time or partition`,
    );
  const unsettled = await waitForCommits(stream, texts.ranges, options);
  const { history, contradictions } = await versionHistory(stream, options.select);
  const audit = async (from: ReadonlyMap<number, bigint> | undefined, onFinding: (finding: Finding) => void) => {
    const { report, notes } = await reconcile(stream, { ...options, texts, history, from, onFinding });
    const { model } = options.scope;
    if (model !== undefined && report.texts === 0 && !history.knows(model))
      throw usageError(`there are no texts of a model ${model} here, and no version of it was ever promoted`);
    return { report, ranges: texts.ranges, notes: [...contradictions, ...notes], unsettled };
  };
  const late = await firstPredictions(stream, texts, options.scope);
  if (late !== undefined) {
    const found: Finding[] = [];
    const audited = await audit(late, (finding) => void (found.length <= mostKept && found.push(finding)));
    // Record times are the senders': an answer may be older than its text seems to be. Then everything is read.
    if (audited.report.findings.missing === 0 && found.length <= mostKept) {
      for (const finding of found) options.onFinding(finding);
      return audited;
    }
  }
  return await audit(undefined, options.onFinding);
}

interface ReconcileOptions extends AuditOptions {
  texts: TextRanges;
  history: VersionHistory;
  /** Where to begin to read predictions; undefined: at their beginning. */
  from: ReadonlyMap<number, bigint> | undefined;
}

async function reconcile(stream: Stream, options: ReconcileOptions): Promise<Pick<Audit, 'report' | 'notes'>> {
  const { texts, select, scope, onProgress } = options;
  const { ranges } = texts;
  const inference = await committedOffsets(stream, 'inference');
  const monitoring = select === undefined ? undefined : await committedOffsets(stream, 'monitoring');
  const predictions = await predictionRanges(stream, options.from);
  const expired = new Map<number, number>();
  const reconciliation = new Reconciliation({
    texts: ranges.map((range) => ({ ...range, committed: inference.get(range.partition) ?? 0 })),
    predictions,
    storedBelow: monitoring,
    history: options.history,
    model: scope.model,
    maximumStaleness: options.maximumStaleness,
    oneInstance: (await servingInstances(stream, scope.model)) <= 1,
    expiredBefore: () => Math.max(-Infinity, ...expired.values()),
    onFinding: options.onFinding,
  });
  const tell = every(10_000, onProgress);
  await stream.readToEnd(
    'predictions',
    ({ value, partition, offset, timestamp }) => {
      const begin = predictions.find((range) => range.partition === partition);
      if (begin !== undefined && begin.low > 0 && begin.from === begin.low && !expired.has(partition))
        expired.set(partition, timestamp);
      if (value !== null)
        reconciliation.prediction(fromRow('predictions', toRow('predictions', value)), place(partition, offset));
      tell('predictions read');
    },
    { ...bounds(predictions), onUnreadable: () => reconciliation.unreadablePrediction() },
  );
  const ends = new Map((await wholeRanges(stream, 'texts')).map(({ partition, to }) => [partition, to]));
  const what = { texts: ranges, model: scope.model };
  if (select !== undefined)
    await eachPredictionRow(select, what, (row, from) => {
      reconciliation.predictionRow(row, from);
      tell('rows read');
    });
  if (select !== undefined) await eachLetterRow(select, ranges, (row) => reconciliation.letterRow(row));
  const newest = await eachLetter(stream, ({ letter, id }) => reconciliation.letter(letter, id));
  if (select !== undefined && newest !== undefined && (await letterStored(select, newest.letter)))
    reconciliation.lettersStoredTo(newest.id);
  if (select !== undefined)
    await eachTextRow(select, what, (row, from) => {
      reconciliation.textRow(row, from);
      tell('rows read');
    });
  await stream.readToEnd(
    'texts',
    ({ value, partition, offset, timestamp }) => {
      const from = { ...place(partition, offset), timestamp };
      if (value === null) reconciliation.unreadable(from);
      else reconciliation.text(fromRow('texts', toRow('texts', withDigest(value))), from);
      tell('texts read');
    },
    {
      ...bounds(ranges),
      onUnreadable: ({ partition, offset, timestamp }) =>
        reconciliation.unreadable({ ...place(partition, offset), timestamp }),
    },
  );
  const replaced = select === undefined ? undefined : await replacedTexts(select, reconciliation.unstored);
  return { report: reconciliation.finish(ends, (text) => replaced?.has(text) ?? false), notes: texts.notes };
}

function place(partition: number, offset: bigint) {
  return { partition, offset: Number(offset) };
}

/** Tells every `count` calls how many there were. */
function every(count: number, tell: (message: string) => void) {
  const counts = new Map<string, number>();
  return (what: string) => {
    const done = (counts.get(what) ?? 0) + 1;
    counts.set(what, done);
    if (done % count === 0) tell(`${done} ${what}`);
  };
}

/** Where predictions of a range begin that does not begin with its topic; undefined: at their beginning. */
async function firstPredictions(stream: Stream, { ranges, whole }: TextRanges, scope: AuditScope) {
  if (whole) return undefined;
  let earliest = scope.from ?? Infinity;
  if (scope.from === undefined) {
    const firsts = ranges.map((range) => ({ ...range, to: Math.min(range.to, range.from + 1) }));
    await stream.readToEnd('texts', ({ timestamp }) => void (earliest = Math.min(earliest, timestamp)), {
      ...bounds(firsts),
      onUnreadable: ({ timestamp }) => (earliest = Math.min(earliest, timestamp)),
    });
  }
  if (earliest === Infinity) return undefined;
  return await stream.admin.offsetsAt('predictions', Math.max(0, earliest - clockSkew));
}

async function versionHistory(stream: Stream, select: SelectRows | undefined) {
  const history = new VersionHistory();
  const promoted = await toldVersions(stream, history);
  if (select !== undefined) promoted.push(...(await storedVersions(select)));
  const contradictions = promoted.flatMap((version) => history.add(version) ?? []);
  return { history, contradictions: [...new Set(contradictions)] };
}

/**
 * Waits until inference has committed the range and monitoring what had come of it by then; what others write meanwhile is
 * not waited for. Returns what is left when the time is over.
 */
async function waitForCommits(
  stream: Stream,
  ranges: readonly OffsetRange[],
  options: AuditOptions,
): Promise<string | undefined> {
  const { wait, select, onProgress } = options;
  if (wait === 0) return undefined;
  const deadline = performance.now() + wait;
  let predictions: OffsetRange[] | undefined;
  let newest: ToldLetter | 'none' | undefined;
  const step = async (): Promise<string | undefined> => {
    const open = behind(await committedOffsets(stream, 'inference'), ranges);
    if (open > 0) return `${open} texts to be answered`;
    if (select === undefined) return undefined;
    predictions ??= await wholeRanges(stream, 'predictions');
    newest ??= (await eachLetter(stream)) ?? 'none';
    const unstored =
      behind(await committedOffsets(stream, 'monitoring'), ranges) +
      behind(await committedOffsets(stream, 'monitoring', 'predictions'), predictions);
    if (unstored > 0) return `${unstored} records to be stored`;
    return newest === 'none' || (await letterStored(select, newest.letter)) ? undefined : 'dead letters to be stored';
  };
  for (;;) {
    const left = await step();
    if (left === undefined || performance.now() > deadline) return left;
    onProgress(`waiting: ${left}`);
    await delay(pollInterval);
  }
}

/** Records of the ranges that a group has not committed. */
function behind(committed: ReadonlyMap<number, number>, ranges: readonly OffsetRange[]): number {
  return ranges.reduce(
    (sum, { partition, from, to }) => sum + Math.max(0, to - Math.max(from, committed.get(partition) ?? 0)),
    0,
  );
}
