import type { DeadLetter } from '#libs/clickhouse';
import type { Prediction, Text } from '#libs/events';
import { answeredByCanary } from '#libs/registry';
import type { AuditReport, Finding } from '../audit-report.ts';
import type { Place } from '../prediction-ledger.ts';
import { Reconciliation, type ReconciliationOptions } from '../reconciliation.ts';
import { type PromotedVersion, VersionHistory } from '../version-history.ts';

/** Texts, and everything that came of them, as it would be found in Kafka and in the tables. */
export interface MadeUpHistory {
  /** null: it cannot be decoded. */
  texts: ({ value: Text | null } & Place)[];
  /** In the order of each partition. */
  predictions: ({ value: Prediction } & Place)[];
  /** In the order of texts-dlq. */
  letters: DeadLetter[];
  letterRows: DeadLetter[];
  predictionRows: ({ value: Prediction } & Place)[];
  textRows: ({ value: Text } & Place)[];
  versions: PromotedVersion[];
  /** Partition to the offset up to which inference has committed. */
  answered: Map<number, number>;
  partitions: number;
}

export interface Circumstances {
  partitions: number;
  textsPerPartition: number;
  batch: number;
  /** Whether the process is killed between answer and commit, batch by batch, over and over. */
  kills: readonly boolean[];
  /** Batches between two promotions. */
  promoteEvery: number;
  /** Two shadows answer beside: the champion's own, and a challenger's. */
  shadow: boolean;
  /** A canary answers its share, unless it is being loaded: the champion answers then. */
  canary: boolean;
}

const models = ['news', 'mail'];
/** The version that is tried of every model, and its share. */
export const challenger = { version: 9, bundleDigest: 'digest-9' };
const share = 0.4;

export function isOfCanary({ model, textId }: Prediction): boolean {
  return answeredByCanary(model, textId, share);
}

export function bundleOf(epoch: number): { version: number; bundleDigest: string } {
  return { version: 1 + (epoch % 3), bundleDigest: `digest-${epoch % 3}` };
}

/**
 * What one instance that obeys its rules leaves behind: batches of each partition in turn, answered by the newest epoch,
 * delivered again after a kill. Every eleventh text cannot be read, every seventh is for a model nobody has made.
 */
export function madeUpHistory(how: Circumstances): MadeUpHistory {
  const texts = Array.from({ length: how.partitions }, (_, partition) =>
    Array.from({ length: how.textsPerPartition }, (_, offset) => ({
      value: textAt(partition, offset),
      partition,
      offset,
    })),
  );
  const history: MadeUpHistory = {
    texts: texts.flat(),
    predictions: [],
    letters: [],
    letterRows: [],
    predictionRows: [],
    textRows: structuredClone(texts.flat()).flatMap(({ value, ...place }) =>
      value === null ? [] : [{ value, ...place }],
    ),
    versions: [],
    answered: new Map(texts.map((_, partition) => [partition, 0])),
    partitions: how.partitions,
  };
  const ends = new Map<number, number>();
  const write = (value: Prediction) => {
    const partition = value.textId.length % how.partitions;
    const offset = ends.get(partition) ?? 0;
    ends.set(partition, offset + 1);
    history.predictions.push({ value, partition, offset });
  };
  const todo = () => texts.findIndex((own, partition) => (history.answered.get(partition) ?? 0) < own.length);
  for (let time = 0; todo() >= 0; time++) {
    if (time % how.promoteEvery === 0) promote(history, time);
    const partition = time % how.partitions;
    const next = history.answered.get(partition) ?? 0;
    const batch = texts[partition]?.slice(next, next + how.batch) ?? [];
    for (const text of batch) {
      const answer = answerTo(text, history, time);
      if (answer === undefined) history.letters.push(letterOf(text, time));
      else {
        const byCanary = how.canary && isOfCanary(answer) && time % 4 !== 0;
        write(byCanary ? { ...answer, ...challenger, role: 'canary' } : answer);
        if (how.shadow) for (const beside of [{}, challenger]) write({ ...answer, ...beside, role: 'shadow' });
      }
    }
    if (how.kills[time % Math.max(1, how.kills.length)] !== true) history.answered.set(partition, next + batch.length);
  }
  const keyed = structuredClone(history.predictions).map((row) => ({ row, key: keyOf(row.value) }));
  history.predictionRows = keyed.toSorted((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key))).map(({ row }) => row);
  history.letterRows = structuredClone(history.letters);
  return history;
}

function letterOf({ value, partition, offset }: MadeUpHistory['texts'][number], time: number): DeadLetter {
  return {
    topic: 'texts',
    partition,
    offset,
    timestamp: 0,
    key: value?.id ?? '',
    valueBytes: 1,
    error: value === null ? 'unknown-magic' : 'unknown-model',
    reason: `text ${offset}`,
    stage: value === null ? 'decode' : 'handle',
    attempts: 1,
    failedAt: time,
    schemaId: null,
  };
}

function textAt(partition: number, offset: number): Text | null {
  if (offset % 11 === 10) return null;
  const model = offset % 7 === 6 ? 'nobody' : (models[offset % models.length] ?? '');
  return { id: `t${partition}-${offset}`, model, text: `${offset}`, occurredAt: 1, source: '', attributes: {} };
}

function promote({ versions }: MadeUpHistory, time: number): void {
  const epoch = versions.length / models.length + 1;
  for (const model of models) versions.push({ model, epoch, ...bundleOf(epoch), at: time * 1000 });
}

function answerTo(
  { value, partition, offset }: MadeUpHistory['texts'][number],
  { versions }: MadeUpHistory,
  time: number,
): Prediction | undefined {
  const serving = versions.findLast(({ model }) => model === value?.model);
  if (value === null || serving === undefined) return undefined;
  const confidence = 0.5 + (offset % 40) / 100;
  return {
    textId: value.id,
    model: value.model,
    version: serving.version,
    epoch: serving.epoch,
    bundleDigest: serving.bundleDigest,
    label: 'a',
    confidence,
    probabilities: { a: confidence, b: 1 - confidence },
    role: 'champion',
    inputTopic: 'texts',
    inputPartition: partition,
    inputOffset: offset,
    occurredAt: value.occurredAt,
    inferredAt: time * 1000,
    device: 'cpu',
    truncated: false,
    queueMilliseconds: time,
    inferenceMilliseconds: 1,
  };
}

/** Under which key the table keeps a prediction. */
export function keyOf({ model, textId, role, version, epoch, inputPartition, inputOffset }: Prediction): string {
  return JSON.stringify([model, textId, role, epoch, inputPartition, inputOffset, role === 'shadow' ? version : 0]);
}

/** Audits a history. */
export function auditOf(
  history: MadeUpHistory,
  options: Partial<ReconciliationOptions> = {},
): { report: AuditReport; found: Finding[]; wrong: Record<string, number> } {
  const found: Finding[] = [];
  const versions = new VersionHistory();
  for (const version of history.versions) versions.add(version);
  for (const model of models) versions.addChallenger({ model, ...challenger, share });
  const partitions = Array.from({ length: history.partitions }, (_, partition) => partition);
  const end = (places: readonly Place[], partition: number) =>
    Math.max(0, ...places.filter((place) => place.partition === partition).map(({ offset }) => offset + 1));
  const ranges = (places: readonly Place[], committed?: ReadonlyMap<number, number>) =>
    partitions.map((partition) => {
      const to = end(places, partition);
      return { partition, from: 0, to, committed: committed?.get(partition) ?? to };
    });
  const reconciliation = new Reconciliation({
    texts: ranges(history.texts, history.answered),
    predictions: ranges(history.predictions),
    storedBelow: new Map(partitions.map((partition) => [partition, end(history.texts, partition)])),
    history: versions,
    oneInstance: true,
    maximumStaleness: 1000,
    onFinding: (finding) => found.push(finding),
    ...options,
  });
  for (const { value, ...place } of history.predictions) reconciliation.prediction(value, place);
  for (const { value, ...place } of history.predictionRows) reconciliation.predictionRow(value, place);
  for (const row of history.letterRows) reconciliation.letterRow(row);
  for (const [id, letter] of history.letters.entries()) reconciliation.letter(letter, id);
  for (const { value, ...place } of history.textRows) reconciliation.textRow(value, place);
  for (const { value, ...place } of history.texts) {
    if (value === null) reconciliation.unreadable({ ...place, timestamp: 0 });
    else reconciliation.text(value, { ...place, timestamp: 0 });
  }
  const report = reconciliation.finish(
    new Map(partitions.map((partition) => [partition, end(history.texts, partition)])),
  );
  const wrong = Object.fromEntries(Object.entries(report.findings).filter(([, count]) => count > 0));
  return { report, found, wrong };
}
